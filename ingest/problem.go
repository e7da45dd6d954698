package ingest

import (
	"fmt"
	"time"

	"leadline"
)

// Problem is the error of a request of which nothing was taken as an event. It tells the sender all there is to tell.
type Problem struct {
	Status     int    // HTTP: 400, 403, 413, 422 or 503
	Code       string // CodeEmptyBatch, …
	Detail     string
	RetryAfter time.Duration     // for 503: when it may be worth another try
	Receipt    *leadline.Receipt // the verdict on every item, nil where the request has none
	Err        error             // the cause, for the log only
}

func (p *Problem) Error() string {
	if p.Err != nil {
		return fmt.Sprintf("%s: %s: %v", p.Code, p.Detail, p.Err)
	}
	return p.Code + ": " + p.Detail
}

func (p *Problem) Unwrap() error { return p.Err }

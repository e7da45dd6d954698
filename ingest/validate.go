package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"leadline"
)

// Validate gives the verdicts that Submit would give, with the same problems, and leaves no trace: nothing is stored or
// counted. It never says duplicate, for it does not look what is there already.
func (p *Pipeline) Validate(ctx context.Context, r Request) (leadline.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return leadline.Receipt{}, &Problem{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: "the request ended", Err: err}
	}
	d := p.decoder(&r, 0)
	defer p.release(d)
	if err := d.decode(); err != nil {
		return leadline.Receipt{}, err
	}
	receipt := d.receipt()
	err := d.complain(&receipt)
	return receipt, err
}

// decode reads the body of a request. An error says why nothing of it can be taken.
func (d *decoder) decode() error {
	if len(bytes.TrimSpace(d.req.Body)) == 0 {
		return &Problem{Status: http.StatusBadRequest, Code: CodeEmptyBatch, Detail: "the body is empty: send an event"}
	}
	switch d.req.Format {
	case FormatJSON, FormatCloudEvent, FormatCloudEvents:
		switch err := d.array(); {
		case errors.Is(err, errNoBatch):
			return &Problem{Status: http.StatusBadRequest, Code: CodeInvalidBody, Detail: err.Error()}
		case err != nil:
			return &Problem{Status: http.StatusBadRequest, Code: CodeInvalidBody, Detail: "the body is not JSON: " + err.Error()}
		}
	case FormatNDJSON:
		d.lines()
	default:
		panic(fmt.Sprintf("BUG: format %d", d.req.Format))
	}
	return d.refuse()
}

// complain is the problem of a request all of whose items were dropped, nil for any other.
func (d *decoder) complain(receipt *leadline.Receipt) error {
	switch {
	case receipt.Rejected < len(d.verdicts):
		return nil
	case d.single:
		return &Problem{
			Status: http.StatusUnprocessableEntity, Code: CodeItemRejected,
			Detail: receipt.Items[0].Code + ": " + receipt.Items[0].Detail, Receipt: receipt,
		}
	}
	return &Problem{Status: http.StatusBadRequest, Code: CodeAllRejected, Detail: "none of the items can be taken", Receipt: receipt}
}

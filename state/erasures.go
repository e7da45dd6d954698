package state

import "time"

// Erasure is an order to delete all that is known of a lead. It is kept for ever, as the proof that it was done; the
// lead key in it says nothing without the partner's pepper.
type Erasure struct {
	ID          string
	Partner     string
	LeadKey     string
	RequestedAt time.Time
	FinishedAt  time.Time // zero while it is not
	Events      int64     // rows deleted
	Rejected    int64
}

// Suppressed is a lead of whom nothing is taken any more.
type Suppressed struct {
	Partner, LeadKey string
	Since            time.Time
}

const erasureColumns = "id, partner, lead_key, requested_at, finished_at, events, rejected"

func scanErasure(row interface{ Scan(...any) error }) (e Erasure, err error) {
	var requested, finished int64
	err = row.Scan(&e.ID, &e.Partner, &e.LeadKey, &requested, &finished, &e.Events, &e.Rejected)
	e.RequestedAt, e.FinishedAt = moment(requested), moment(finished)
	return e, err
}

// AddErasure keeps a new order. It fails where there is one of that id.
func (t *Tx) AddErasure(e Erasure) error {
	return t.exec("add erasure", "INSERT INTO erasures ("+erasureColumns+") VALUES (?, ?, ?, ?, ?, ?, ?)",
		e.ID, e.Partner, e.LeadKey, micros(e.RequestedAt), micros(e.FinishedAt), e.Events, e.Rejected)
}

// Erasure finds one by its id.
func (t *Tx) Erasure(id string) (Erasure, bool, error) {
	return one(t, "erasure", scanErasure, "SELECT "+erasureColumns+" FROM erasures WHERE id = ?", id)
}

// PendingErasures are those that are not finished, oldest first.
func (t *Tx) PendingErasures() ([]Erasure, error) {
	return list(t, "pending erasures", scanErasure, "SELECT "+erasureColumns+" FROM erasures WHERE finished_at = 0 ORDER BY requested_at, id")
}

// FinishErasure notes that an order is done and how many rows it deleted. A second call changes nothing.
func (t *Tx) FinishErasure(id string, at time.Time, events, rejected int64) error {
	return t.exec("finish erasure", "UPDATE erasures SET finished_at = ?, events = ?, rejected = ? WHERE id = ? AND finished_at = 0",
		micros(at), events, rejected, id)
}

// Suppress has nothing of a lead taken any more. Where that is so already, the first time stays.
func (t *Tx) Suppress(s Suppressed) error {
	return t.exec("suppress lead", "INSERT INTO suppressed (partner, lead_key, since) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
		s.Partner, s.LeadKey, micros(s.Since))
}

// AllSuppressed are the suppressed leads of all partners.
func (t *Tx) AllSuppressed() ([]Suppressed, error) {
	return list(t, "suppressed leads", func(row interface{ Scan(...any) error }) (s Suppressed, err error) {
		var since int64
		err = row.Scan(&s.Partner, &s.LeadKey, &since)
		s.Since = moment(since)
		return s, err
	}, "SELECT partner, lead_key, since FROM suppressed ORDER BY partner, lead_key")
}

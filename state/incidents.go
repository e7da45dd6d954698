package state

import (
	"encoding/json"
	"fmt"
	"time"

	"leadline"
)

// severityPage is the severity that wakes people: its new messages go first.
const severityPage = "page"

// IncidentFilter chooses incidents; its zero value chooses all.
type IncidentFilter struct {
	Unresolved bool
	Since      time.Time // opened at or after
	Limit      int       // the newest so many; 0 means 1000
}

// Incident finds one by its id.
func (t *Tx) Incident(id int64) (leadline.Incident, bool, error) {
	return one(t, "incident", body[leadline.Incident], "SELECT body FROM incidents WHERE id = ?", id)
}

// LastIncident is the newest incident of a key. It is the open one where there is one.
func (t *Tx) LastIncident(key string) (leadline.Incident, bool, error) {
	return one(t, "last incident", body[leadline.Incident],
		"SELECT body FROM incidents WHERE key = ? ORDER BY id DESC LIMIT 1", key)
}

// Incidents are those that the filter chooses, newest first.
func (t *Tx) Incidents(f IncidentFilter) ([]leadline.Incident, error) {
	limit := f.Limit
	if limit == 0 {
		limit = 1000
	}
	return list(t, "incidents", body[leadline.Incident],
		`SELECT body FROM incidents WHERE (NOT ? OR state <> 'resolved') AND opened_at >= ? ORDER BY id DESC LIMIT ?`,
		f.Unresolved, micros(f.Since), limit)
}

// AddIncident keeps a new incident and gives it its ID, the next number from 1. It fails where the key has an
// unresolved one.
func (t *Tx) AddIncident(i *leadline.Incident) error {
	row := t.tx.QueryRowContext(t.ctx, `INSERT INTO incidents (key, state, page, opened_at, resolved_at, body)
		VALUES (?, ?, ?, ?, ?, '{}') RETURNING id`, i.Key, i.State, i.Severity == severityPage, micros(i.OpenedAt), micros(i.ResolvedAt))
	if err := row.Scan(&i.ID); err != nil {
		return fmt.Errorf("state: add incident %s: %w", i.Key, explain(err))
	}
	return t.PutIncident(*i)
}

// PutIncident keeps what an incident has become.
func (t *Tx) PutIncident(i leadline.Incident) error {
	text, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("state: incident %d: %w", i.ID, err)
	}
	return t.exec("put incident", "UPDATE incidents SET state = ?, page = ?, opened_at = ?, resolved_at = ?, body = ? WHERE id = ?",
		i.State, i.Severity == severityPage, micros(i.OpenedAt), micros(i.ResolvedAt), string(text), i.ID)
}

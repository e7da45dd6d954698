package state

import "time"

// LogEntry is one line of the timeline, which only grows.
type LogEntry struct {
	ID       int64 // in the order of writing
	At       time.Time
	Incident int64  // 0 where it belongs to none
	Kind     string // such as opened, acked, delivered
	Actor    string // a person's name, "" for Leadline itself
	Channel  string // telegram, api, or "" for Leadline itself
	Body     string // a sentence for people
}

// AppendLog writes one line.
func (t *Tx) AppendLog(e LogEntry) error {
	return t.exec("append to timeline", "INSERT INTO incident_log (at, incident, kind, actor, channel, body) VALUES (?, ?, ?, ?, ?, ?)",
		micros(e.At), e.Incident, e.Kind, e.Actor, e.Channel, e.Body)
}

// Log is the timeline of an incident, oldest first.
func (t *Tx) Log(incident int64) ([]LogEntry, error) {
	return list(t, "timeline", func(row interface{ Scan(...any) error }) (e LogEntry, err error) {
		var at int64
		err = row.Scan(&e.ID, &at, &e.Incident, &e.Kind, &e.Actor, &e.Channel, &e.Body)
		e.At = moment(at)
		return e, err
	}, "SELECT id, at, incident, kind, actor, channel, body FROM incident_log WHERE incident = ? ORDER BY id", incident)
}

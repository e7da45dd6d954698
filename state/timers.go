package state

import "time"

// Timer is something to do with an incident later. It survives a restart; one that was due meanwhile is due at once.
type Timer struct {
	Incident int64
	Kind     string
	Due      time.Time
}

// PutTimer sets the incident's timer of that kind, in place of the one it had.
func (t *Tx) PutTimer(m Timer) error {
	return t.exec("put timer", "INSERT OR REPLACE INTO timers (incident, kind, due) VALUES (?, ?, ?)", m.Incident, m.Kind, micros(m.Due))
}

// DeleteTimer forgets a timer, if it is there.
func (t *Tx) DeleteTimer(incident int64, kind string) error {
	return t.exec("delete timer", "DELETE FROM timers WHERE incident = ? AND kind = ?", incident, kind)
}

// Timers are all timers, the next due first.
func (t *Tx) Timers() ([]Timer, error) {
	return list(t, "timers", func(row interface{ Scan(...any) error }) (m Timer, err error) {
		var due int64
		err = row.Scan(&m.Incident, &m.Kind, &due)
		m.Due = moment(due)
		return m, err
	}, "SELECT incident, kind, due FROM timers ORDER BY due, incident, kind")
}

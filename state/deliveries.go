package state

import "time"

// Delivery is one row of the outbox: what one chat shall know of one incident and what it knows.
type Delivery struct {
	Incident        int64
	Chat            int64
	Thread          int
	Ref             string // the living message, "" while there is none
	WantedRevision  int64  // the incident's newest
	SentRevision    int64  // what the chat was told, or what was given up for it
	Attempts        int    // failures in a row
	NotBefore       time.Time
	SendingSince    time.Time // zero where no send is under way
	SendingRevision int64     // of the send under way
	Maybe           bool      // a send had an unknown outcome and no ref came of it
	Dead            bool      // the chat cannot be reached
	LastError       string
}

// maxWaiting bounds one look into the outbox. What is behind it comes when those before it are done.
const maxWaiting = 1000

const deliveryColumns = `d.incident, d.chat, d.thread, d.ref, d.wanted_revision, d.sent_revision, d.attempts, d.not_before, d.sending_since, d.sending_revision, d.maybe, d.dead, d.last_error`

func scanDelivery(row interface{ Scan(...any) error }) (d Delivery, err error) {
	var notBefore, sending int64
	err = row.Scan(&d.Incident, &d.Chat, &d.Thread, &d.Ref, &d.WantedRevision, &d.SentRevision, &d.Attempts, &notBefore, &sending, &d.SendingRevision, &d.Maybe, &d.Dead, &d.LastError)
	d.NotBefore, d.SendingSince = moment(notBefore), moment(sending)
	return d, err
}

// Waiting are the rows whose chat does not know the newest revision and can be told: pages that nobody was told of
// first, then other new messages, then edits; oldest incident first.
func (t *Tx) Waiting() ([]Delivery, error) {
	return list(t, "waiting deliveries", scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries d JOIN incidents i ON i.id = d.incident
		WHERE d.dead = 0 AND d.wanted_revision > d.sent_revision
		ORDER BY (d.ref = '') * (1 + i.page) DESC, d.incident, d.chat LIMIT ?`, maxWaiting)
}

// Sending are the rows of which a send is under way, or was when a process died.
func (t *Tx) Sending() ([]Delivery, error) {
	return list(t, "deliveries under way", scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.sending_since <> 0`)
}

// Deliveries are the rows of one incident, ordered by chat.
func (t *Tx) Deliveries(incident int64) ([]Delivery, error) {
	return list(t, "deliveries", scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.incident = ? ORDER BY d.chat`, incident)
}

// Delivery finds the row of one incident and chat.
func (t *Tx) Delivery(incident, chat int64) (Delivery, bool, error) {
	return one(t, "delivery", scanDelivery, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.incident = ? AND d.chat = ?`, incident, chat)
}

// PutDelivery keeps a row in place of the one of its incident and chat.
func (t *Tx) PutDelivery(d Delivery) error {
	return t.exec("put delivery", `INSERT OR REPLACE INTO deliveries (incident, chat, thread, ref, wanted_revision, sent_revision, attempts, not_before, sending_since, sending_revision, maybe, dead, last_error)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		d.Incident, d.Chat, d.Thread, d.Ref, d.WantedRevision, d.SentRevision, d.Attempts, micros(d.NotBefore), micros(d.SendingSince), d.SendingRevision, d.Maybe, d.Dead, d.LastError)
}

// Want asks for an incident's revision in every chat that knows of it.
func (t *Tx) Want(incident, revision int64) error {
	return t.exec("want revision", "UPDATE deliveries SET wanted_revision = ? WHERE incident = ?", revision, incident)
}

// MoveChat follows a chat to its new id: in the outbox now, and for ChatNow from now on. It reports false, and
// changes nothing, where that would close a circle.
func (t *Tx) MoveChat(was, now int64) (bool, error) {
	if end, err := t.ChatNow(now); err != nil || end == was {
		return false, err
	}
	for _, query := range []string{
		"INSERT OR REPLACE INTO chat_moves (was, now) VALUES (?1, ?2)",
		"DELETE FROM deliveries WHERE chat = ?1 AND incident IN (SELECT incident FROM deliveries WHERE chat = ?2)",
		"UPDATE deliveries SET chat = ?2 WHERE chat = ?1",
	} {
		if err := t.exec("move chat", query, was, now); err != nil {
			return false, err
		}
	}
	return true, nil
}

// ChatNow is the id that a chat has by now: the given one where it never moved.
func (t *Tx) ChatNow(chat int64) (int64, error) {
	for {
		next, moved, err := one(t, "chat", column[int64], "SELECT now FROM chat_moves WHERE was = ?", chat)
		if err != nil || !moved {
			return chat, err
		}
		chat = next
	}
}

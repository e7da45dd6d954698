package leadline

import (
	"fmt"
	"time"
)

// Notice asks a notifier to bring one chat's living message of an incident to its present state.
type Notice struct {
	Chat     int64  // Telegram chat id
	Thread   int    // forum topic, 0 for none
	Ref      string // the living message, "" to send a new one
	Incident Incident
	Repeat   bool // an earlier try may have been delivered
}

// Press is a button that somebody pressed on a living message. The notifier has proved that the button is one of its
// own, for this incident and chat; who may press is the receiver's to say.
type Press struct {
	From     int64 // Telegram user
	Chat     int64
	Ref      string
	Incident int64
	Revision int64 // the incident's when the button was made
	Action   Action
}

// Action is what a button or an API call asks of an incident.
type Action string

// The actions.
const (
	ActionAck     Action = "ack"
	ActionResolve Action = "resolve"
)

// DeliveryProblem classifies why a notice was not delivered.
type DeliveryProblem string

// The problems and what follows from each.
const (
	DeliverLater   DeliveryProblem = "later"   // try again after After
	DeliverUnknown DeliveryProblem = "unknown" // the request may have been carried out
	DeliverMoved   DeliveryProblem = "moved"   // the chat has the id Chat now
	DeliverGone    DeliveryProblem = "gone"    // the chat cannot be reached any more
	DeliverBad     DeliveryProblem = "bad"     // the message itself was refused
)

// DeliveryError is the error of a notifier.
type DeliveryError struct {
	Problem DeliveryProblem
	After   time.Duration // for DeliverLater, as the other side asked; 0 where it did not
	Chat    int64         // for DeliverMoved
	Detail  string        // without secrets
}

func (e *DeliveryError) Error() string { return fmt.Sprintf("delivery %s: %s", e.Problem, e.Detail) }

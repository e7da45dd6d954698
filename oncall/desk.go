package oncall

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"leadline"
	"leadline/state"
)

// Notifier brings one chat's message of an incident to its present state and returns the message's ref. Its errors
// are *leadline.DeliveryError; any other counts as a network error: surely not delivered.
type Notifier interface {
	Deliver(ctx context.Context, n leadline.Notice) (ref string, err error)
}

// Explain says where the slow-down that started at a time comes from, for the events with these labels.
type Explain func(ctx context.Context, started, now time.Time, labels leadline.Labels) (*leadline.Verdict, error)

// Options are what a Desk needs; all but Schedules, Chats and People are required.
type Options struct {
	State     *state.DB
	Notifier  Notifier
	Explain   Explain
	Schedules []Schedule
	Chats     Chats
	People    []leadline.Person
	Log       *slog.Logger
}

// Desk is where incidents are opened, told, acknowledged and closed. Its methods may be called from many goroutines.
type Desk struct {
	state     *state.DB
	notifier  Notifier
	explain   Explain
	schedules atomic.Pointer[[]Schedule]
	chats     Chats
	people    []leadline.Person
	log       *slog.Logger
	wake      chan struct{} // the outbox has something new
}

// New makes a desk. It does nothing by itself until Run.
func New(o Options) *Desk {
	d := &Desk{
		state: o.State, notifier: o.Notifier, explain: o.Explain,
		chats: o.Chats, people: o.People, log: o.Log, wake: make(chan struct{}, 1),
	}
	d.Reschedule(o.Schedules)
	return d
}

// Reschedule has these schedules say who is on call from now on. Incidents that are open keep whom they have.
func (d *Desk) Reschedule(schedules []Schedule) { d.schedules.Store(&schedules) }

// Instances are what the rule engine knew of a group at the last Apply.
func (d *Desk) Instances(ctx context.Context, group string) (all []leadline.Instance, err error) {
	err = d.state.View(ctx, func(tx *state.Tx) error {
		all, err = tx.Instances(group)
		return err
	})
	return all, err
}

// Slots say how far each group of rules had come at its last Apply.
func (d *Desk) Slots(ctx context.Context) (all []leadline.GroupSlot, err error) {
	err = d.state.View(ctx, func(tx *state.Tx) error {
		all, err = tx.Slots()
		return err
	})
	return all, err
}

// Run delivers notices, watches the timers and keeps verdicts fresh until ctx ends; then it waits a few seconds for the
// sends under way. What is not delivered stays in the outbox. Only one process at a time may run a state file's desk.
func (d *Desk) Run(ctx context.Context) error {
	chores := make(chan struct{})
	go func() {
		defer close(chores)
		d.runChores(ctx)
	}()
	d.runOutbox(ctx)
	<-chores
	return nil
}

// poke tells the dispatcher to look into the outbox.
func (d *Desk) poke() {
	select {
	case d.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// onCall is the person on call for an incident with these labels.
func (d *Desk) onCall(labels leadline.Labels, at time.Time) leadline.Person {
	s, ok := ScheduleOf(*d.schedules.Load(), labels)
	if !ok {
		return leadline.Person{}
	}
	name := s.OnCall(at)
	for _, p := range d.people {
		if p.Name == name {
			return p
		}
	}
	return leadline.Person{Name: name}
}

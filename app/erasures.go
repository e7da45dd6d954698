package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"leadline/server"
	"leadline/state"
)

// erasures deletes what is known of leads, and knows of whom nothing is taken any more.
//
// An order counts from the moment it is durable: the intake refuses the lead from then on. Its rows are deleted once
// everything that was acknowledged before is in the tables, so that nothing of the lead arrives behind the deletion.
type erasures struct {
	erasureOptions
	wake chan struct{}

	mu         sync.RWMutex
	suppressed map[string]map[string]struct{} // partner, lead key
}

type erasureOptions struct {
	State   *state.DB
	Delete  func(ctx context.Context, partner, leadKey string) (events, rejected int64, err error) // may be called again
	Lag     func() time.Duration                                                                   // age of the oldest acknowledged event that is not in the tables
	LeadKey func(partner string, chat int64) string
	Log     *slog.Logger
}

const (
	erasureTick = 10 * time.Second
	// erasureMargin is for requests that passed the intake's check just before the order: the server lets none wait
	// longer than ten seconds for its acknowledgement.
	erasureMargin = 15 * time.Second
	deleteTimeout = 10 * time.Minute // ClickHouse rewrites what it deletes from
	leadKeyBytes  = 26
)

// newErasures reads of whom nothing is taken any more.
func newErasures(ctx context.Context, o erasureOptions) (*erasures, error) {
	e := &erasures{erasureOptions: o, wake: make(chan struct{}, 1), suppressed: map[string]map[string]struct{}{}}
	err := o.State.View(ctx, func(tx *state.Tx) error {
		all, err := tx.AllSuppressed()
		for _, s := range all {
			e.remember(s.Partner, s.LeadKey)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("erasures: %w", err)
	}
	return e, nil
}

func (e *erasures) remember(partner, leadKey string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	leads := e.suppressed[partner]
	if leads == nil {
		leads = map[string]struct{}{}
		e.suppressed[partner] = leads
	}
	leads[leadKey] = struct{}{}
}

// Suppressed reports whether nothing is taken of a lead any more.
func (e *erasures) Suppressed(partner, leadKey string) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, yes := e.suppressed[partner][leadKey]
	return yes
}

// Erase implements server.Eraser.
func (e *erasures) Erase(ctx context.Context, partner, lead string, now time.Time) (id string, err error) {
	key, err := e.leadKey(partner, lead)
	if err != nil {
		return "", err
	}
	order := state.Erasure{ID: "er_" + strings.ToLower(rand.Text()), Partner: partner, LeadKey: key, RequestedAt: now}
	err = e.State.Update(ctx, func(tx *state.Tx) error {
		return errors.Join(tx.Suppress(state.Suppressed{Partner: partner, LeadKey: key, Since: now}), tx.AddErasure(order))
	})
	if err != nil {
		return "", err
	}
	e.remember(strings.Clone(partner), strings.Clone(key))
	select {
	case e.wake <- struct{}{}:
	default:
	}
	return order.ID, nil
}

// leadKey reads a chat id or a lead key.
func (e *erasures) leadKey(partner, lead string) (string, error) {
	if len(lead) == leadKeyBytes && strings.Trim(lead, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == "" {
		return lead, nil
	}
	chat, err := strconv.ParseInt(lead, 10, 64)
	if err != nil || strconv.FormatInt(chat, 10) != lead {
		return "", server.ErrLead
	}
	return e.LeadKey(partner, chat), nil
}

// Erasure implements server.Eraser.
func (e *erasures) Erasure(ctx context.Context, partner, id string) (order state.Erasure, found bool, err error) {
	err = e.State.View(ctx, func(tx *state.Tx) (err error) {
		order, found, err = tx.Erasure(id)
		return err
	})
	return order, found && order.Partner == partner, err
}

// Run carries orders out until ctx ends. What fails is tried again.
func (e *erasures) Run(ctx context.Context) error {
	tick := time.NewTicker(erasureTick)
	defer tick.Stop()
	for {
		if err := e.carryOut(ctx); err != nil && ctx.Err() == nil {
			e.Log.Error("erasures wait", "error", err)
		}
		select {
		case <-tick.C:
		case <-e.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// carryOut does what is due. An order that fails does not hold up the others.
func (e *erasures) carryOut(ctx context.Context) error {
	var pending []state.Erasure
	err := e.State.View(ctx, func(tx *state.Tx) (err error) {
		pending, err = tx.PendingErasures()
		return err
	})
	if err != nil {
		return err
	}
	stored := time.Now().Add(-e.Lag() - erasureMargin) // all that was acknowledged before is in the tables
	var errs []error
	for _, order := range pending {
		if order.RequestedAt.After(stored) || ctx.Err() != nil {
			break
		}
		errs = append(errs, e.carryOutOne(ctx, order))
	}
	return errors.Join(errs...)
}

func (e *erasures) carryOutOne(ctx context.Context, order state.Erasure) error {
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	events, rejected, err := e.Delete(ctx, order.Partner, order.LeadKey)
	if err != nil {
		return fmt.Errorf("erasure %s: %w", order.ID, err)
	}
	err = e.State.Update(ctx, func(tx *state.Tx) error {
		return tx.FinishErasure(order.ID, time.Now(), events, rejected)
	})
	if err != nil {
		return err
	}
	e.Log.Info("lead erased", "erasure", order.ID, "partner", order.Partner, "events", events, "rejected", rejected)
	return nil
}

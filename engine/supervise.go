package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The times of supervision.
const (
	probeEvery   = 20 * time.Millisecond
	readyWithin  = 60 * time.Second
	orphanWithin = 15 * time.Second // longer than grace
	healthyAfter = 10 * time.Second // a child that lived longer is replaced at once
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 10 * time.Second
)

// launch starts a child, points the guards at it and waits until it answers. A child whose ports were taken between
// their choice and its listening is followed by another with others.
func (e *Engine) launch(ctx context.Context) (*child, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("not within %v", readyWithin))
	defer cancel()
	for {
		ports, err := e.ports()
		if err != nil {
			return nil, err
		}
		c, err := e.launchOn(ctx, ports)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, errPortTaken) || ctx.Err() != nil {
			return nil, err
		}
		e.log.WarnContext(ctx, "another process took a port of the embedded clickhouse first, starting it on others", "ports", ports)
	}
}

func (e *Engine) launchOn(ctx context.Context, ports [2]int) (*child, error) {
	c, err := startChild(e.options, e.config, e.storeLock, ports)
	if err != nil {
		return nil, err
	}
	e.current.Store(c)
	e.native.aim(c.native)
	e.http.aim(c.http)
	if err := e.await(ctx, c); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// supervise replaces the child whenever it ends, until ctx does; then it ends the child.
func (e *Engine) supervise(ctx context.Context, c *child) {
	defer close(e.done)
	for {
		select {
		case <-ctx.Done():
			e.life.ends("")
			c.stop()
			return
		case <-c.exited:
		}
		lived := time.Since(c.started)
		how := c.how()
		e.life.ends(how)
		e.log.ErrorContext(ctx, "embedded clickhouse died, restarting it", "how", how, "reason", c.reason(), "lived", lived.Round(time.Millisecond))
		var delay time.Duration
		if lived < healthyAfter {
			delay = backoffFirst
		}
		for c = nil; c == nil; delay = min(max(2*delay, backoffFirst), backoffMost) {
			if !pause(ctx, delay) {
				return
			}
			next, err := e.launch(ctx)
			if err != nil && ctx.Err() == nil {
				e.log.ErrorContext(ctx, "embedded clickhouse does not start, trying again", "error", err, "after", delay)
			}
			c = next
		}
		e.life.goesOn(how)
		e.log.InfoContext(ctx, "embedded clickhouse answers again", "pid", c.cmd.Process.Pid, "restarts", e.Restarts(), "after", time.Since(c.started).Round(time.Millisecond))
	}
}

// takeStore waits until no child of an earlier Leadline, which was killed, has the store open.
func (e *Engine) takeStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, orphanWithin, fmt.Errorf("an engine whose Leadline is gone still uses %s after %v: end that process", e.options.Dir, orphanWithin))
	defer cancel()
	for {
		err := tryLock(e.storeLock)
		if err == nil {
			return nil
		}
		if !pause(ctx, probeEvery) {
			return fmt.Errorf("engine: %w: %w", context.Cause(ctx), err)
		}
	}
}

// pause waits; it is false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

//go:build linux

package main

import (
	"net/http"
	"syscall"
	"time"
)

// blow is one thing that is done to Leadline. When strike returns it is mended; the backlog may still be there.
type blow struct {
	name   string
	strike func(x *torture)
}

var (
	killLeadline = blow{"kill -9 Leadline", func(x *torture) {
		orphan := x.h.enginePid(x)
		x.h.kill(x, x.h.cmd.Process.Pid)
		eventually(x, "the engine ends with its Leadline", func() bool { return gone(orphan) })
		x.h.start(x)
	}}
	killEngine = blow{"kill -9 the engine", func(x *torture) {
		old := x.enginePid()
		x.h.kill(x, old)
		x.anotherEngine(old)
	}}
	killBoth = blow{"kill -9 both", func(x *torture) {
		old, leadline := x.enginePid(), x.h.cmd.Process.Pid
		both := []int{old, leadline}
		x.r.Shuffle(2, func(i, j int) { both[i], both[j] = both[j], both[i] })
		x.h.kill(x, both...)
		if x.engine != nil {
			x.anotherEngine(old)
		}
		x.h.start(x)
	}}
	restart = blow{"stop and start Leadline", func(x *torture) {
		if code, _ := x.h.stop(x); code != 0 {
			x.Errorf("exit code %d\n%s", code, x.h.log(x))
		}
		x.h.start(x)
	}}
	freeze = blow{"freeze the engine", func(x *torture) {
		x.stall(true)
		<-time.After(x.upTo(2 * time.Second))
		x.stall(false)
	}}
	// fill keeps ClickHouse from taking anything until Leadline refuses events for want of room. Then ClickHouse goes on,
	// or it or both are killed with the spool full.
	fill = blow{"fill the spool", func(x *torture) {
		x.stall(true)
		if !x.s.flood() {
			x.Errorf("nothing was refused with a spool of %s", spoolQuota)
		}
		switch x.r.IntN(4) {
		case 0:
			x.note("… then kill -9 the engine")
			killEngine.strike(x)
			x.stall(false)
		case 1:
			x.note("… then kill -9 Leadline, its engine frozen")
			orphan := x.h.enginePid(x)
			x.h.kill(x, x.h.cmd.Process.Pid)
			if x.engine != nil {
				x.stall(false)
			}
			// A frozen process cannot see that its parent is gone: the kernel continues it, with a SIGHUP.
			eventually(x, "the frozen engine ends with its Leadline", func() bool { return gone(orphan) })
			x.h.start(x)
		case 2:
			x.note("… then kill -9 both")
			x.stall(x.engine == nil)
			killBoth.strike(x)
		default:
			x.stall(false)
		}
	}}
)

// anotherEngine waits until another engine than the one that was killed answers.
func (x *torture) anotherEngine(old int) {
	x.Helper()
	eventually(x, "another engine answers", func() bool {
		status, _, err := x.h.ask(x.Context(), "analyst", x.h.analyst, "SELECT 1")
		return err == nil && status == http.StatusOK && x.enginePid() != old && x.enginePid() != 0
	})
	if closed(x.h.exited) && x.engine == nil {
		x.Fatalf("Leadline died with its engine\n%s", x.h.log(x))
	}
}

// stall keeps ClickHouse from hearing anything, or lets it.
func (x *torture) stall(on bool) {
	x.Helper()
	if x.relay != nil {
		x.relay.tear(nil)
		if on {
			x.relay.tear(&torn{hold: true})
		}
		return
	}
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	if err := syscall.Kill(x.enginePid(), signal); err != nil {
		x.Fatal(err)
	}
}

func (x *torture) upTo(d time.Duration) time.Duration { return time.Duration(x.r.Int64N(int64(d))) }

// tearing spoils the connections for a time that the seed names: those that are cut at least until one was.
func tearing(t *torn) blow {
	return blow{t.name, func(x *torture) {
		x.relay.tear(t)
		if wait, wanted := x.upTo(2*time.Second), 1+x.r.IntN(3); t.hold || t.eat || t.delay > 0 {
			<-time.After(wait)
		} else if !within(patience, func() bool { return x.relay.hit() >= wanted }) {
			x.Errorf("%s: only %d connections of %d were", t.name, x.relay.hit(), wanted)
		}
		x.did["… connections: "+t.name] += x.relay.hit()
		if x.r.IntN(4) == 0 {
			x.note("… and kill -9 Leadline")
			x.h.kill(x, x.h.cmd.Process.Pid)
			x.relay.tear(nil)
			x.h.start(x)
			return
		}
		x.relay.tear(nil)
	}}
}

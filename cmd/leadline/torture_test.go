//go:build linux

package main

import (
	"flag"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"leadline/engine"
)

var tortureFor = flag.Duration("torture.for", 25*time.Second, "how long TestTorture strikes; make torture FOR=20m SEED=1")

// torture is one Leadline, the load on it, and what is done to both.
type torture struct {
	*testing.T
	h      *house
	s      *storm
	r      *rand.Rand
	engine *engine.Engine // of the test; nil where Leadline has its own
	relay  *relay         // before that one

	did    map[string]int
	rounds int
}

// TestTorture strikes Leadline and its ClickHouse in ways and at moments that the seed names, some blows a round, while
// events come open-loop. After every round the load pauses, and what was acknowledged has to be stored, once, in every
// table. The embedded ClickHouse is killed and frozen; another one behind a relay also loses its connections, at every
// kind of position.
func TestTorture(t *testing.T) {
	t.Logf("-seed %d -torture.for %s", *seed, *tortureFor)
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		x := newTorture(t)
		x.h = settle(t, spoolQuota)
		x.run([]blow{killLeadline, killEngine, killBoth, restart, freeze, fill})
	})
	t.Run("relay", func(t *testing.T) {
		t.Parallel()
		x := newTorture(t)
		x.outside()
		blows := []blow{killLeadline, killEngine, killBoth, restart, fill}
		for i := range tears {
			blows = append(blows, tearing(&tears[i]))
		}
		x.run(blows)
	})
}

// spoolQuota is small, so that the load can use it up.
const spoolQuota = "spool: {max: 4MiB}"

func newTorture(t *testing.T) *torture {
	t.Helper()
	name := fnv.New64()
	_, _ = name.Write([]byte(t.Name()))
	return &torture{T: t, r: rand.New(rand.NewPCG(*seed, name.Sum64())), did: map[string]int{}}
}

// outsideWriter is the writer's password of a ClickHouse outside.
const outsideWriter = "torture-writer"

// outside gives the house a ClickHouse of the test's own, behind a relay.
func (x *torture) outside() {
	x.Helper()
	const writer, analyst = outsideWriter, "torture-analyst"
	dir := x.TempDir()
	said, err := os.Create(filepath.Join(dir, "engine.said"))
	if err != nil {
		x.Fatal(err)
	}
	x.engine, err = engine.Start(x.Context(), engine.Options{
		Dir: filepath.Join(dir, "engine"), Native: "127.0.0.1:0", HTTP: "127.0.0.1:0", MaxMemory: 1 << 30,
		WriterPassword: writer, AnalystPassword: analyst, Log: slog.New(slog.NewTextHandler(said, nil)),
	})
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() {
		if err := x.engine.Close(); err != nil {
			x.Error(err)
		}
		said.Close()
	})
	x.relay = newRelay(x, x.engine.NativeAddr(), rand.New(rand.NewPCG(x.r.Uint64(), 0)))
	h := &house{dir: x.TempDir(), listen: freeAddr(x), native: x.relay.addr(), http: x.engine.HTTPAddr(), analyst: analyst}
	secret := filepath.Join(h.dir, "clickhouse.password")
	if err := os.WriteFile(secret, []byte(writer), 0o600); err != nil {
		x.Fatal(err)
	}
	h.configure(x, fmt.Sprintf("{addrs: [%q], password_file: %q}", h.native, secret), spoolQuota)
	x.h = h
}

// run strikes until the time is up, and a last time looks at everything.
func (x *torture) run(blows []blow) {
	x.s = newStorm(x, x.h, rand.New(rand.NewPCG(x.r.Uint64(), 1)))
	x.h.start(x)
	x.Cleanup(x.thaw)
	bag := []blow(nil) // each blow once before one comes again: a short run sees all of them
	for end := time.Now().Add(*tortureFor); time.Now().Before(end) && !x.Failed(); {
		calm := x.s.blow()
		for range 1 + x.r.IntN(3) {
			if len(bag) == 0 {
				bag = slices.Clone(blows)
				x.r.Shuffle(len(bag), func(i, j int) { bag[i], bag[j] = bag[j], bag[i] })
			}
			x.moment()
			x.note(bag[0].name)
			bag[0].strike(x)
			bag = bag[1:]
		}
		x.moment()
		calm()
		x.rounds++
		x.settled()
	}
	x.ledger()
	if x.Failed() {
		return
	}
	// What a start does with what it finds must not change anything any more.
	if code, _ := x.h.stop(x); code != 0 {
		x.Errorf("exit code %d\n%s", code, x.h.log(x))
	}
	x.h.start(x)
	x.s.send(request{"application/json", event("the-last"), []item{{partnerName(0), "the-last", false}}}, true)
	x.settled()
	x.everything()
}

func (x *torture) note(what string) { x.did[what]++ }

// moment lets the load flow for a while that the seed names, or until rows of a batch have just become visible.
func (x *torture) moment() {
	x.Helper()
	from, kind, pause := x.s.acked(), x.r.IntN(3), time.Duration(x.r.IntN(600))*time.Millisecond
	eventually(x, "the load flows", func() bool { return x.s.acked() > from+20 })
	if kind == 0 {
		x.h.batchArrives(x)
		return
	}
	<-time.After(pause)
}

func (x *torture) enginePid() int {
	x.Helper()
	if x.engine != nil {
		return x.engine.Pid()
	}
	return x.h.enginePid(x)
}

// thaw lets a frozen engine go on, so that no process is left that cannot end.
func (x *torture) thaw() {
	if pid := x.enginePid(); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// ledger tells what was done and what came of it.
func (x *torture) ledger() {
	s := x.s
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "-seed %d: %d rounds", *seed, x.rounds)
	for _, what := range slices.Sorted(maps.Keys(x.did)) {
		fmt.Fprintf(&b, "\n%8d  %s", x.did[what], what)
	}
	var doubt, bad, again, stored int
	for it, f := range s.fates {
		switch {
		case it.bad:
			bad++
		case f.stored:
			stored++
		case f.acks == 0:
			doubt++
		}
		again += max(0, f.acks-1)
	}
	fmt.Fprintf(&b, "\n%8d  requests begun (%d posted by two at once, %d posted again later), %d shed, %d sent again, %d given up, refused by status %v",
		s.begun.Load(), s.twice.Load(), s.repeated.Load(), s.shed.Load(), s.retries, s.gaveUp.Load(), s.refused)
	fmt.Fprintf(&b, "\n%8d  events acknowledged and found; %d never acknowledged; %d invalid items; %d acknowledgements of doubles", stored, doubt, bad, again)
	x.Log(b.String())
}

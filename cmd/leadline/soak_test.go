//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

var soakFor = flag.Duration("soak.for", 0, "how long TestSoak runs, 0: not at all; make soak FOR=3m")

// TestSoak lets Leadline live a common day in some minutes: a mixed load, rules that tick, analysts, tables that come
// and go beside its own, clients of every bad habit. Its engine is killed twice in the first third. In the end nothing
// is lost or doubled, the log says why the engine ended and how often, and what Leadline holds of the machine is flat.
func TestSoak(t *testing.T) {
	if *soakFor == 0 {
		t.Skip("a soak takes minutes: make soak, or -soak.for 3m")
	}
	t.Logf("-seed %d -soak.for %s", *seed, *soakFor)
	x := newTorture(t)
	x.h = settle(t)
	x.s = newStorm(t, x.h, rand.New(rand.NewPCG(x.r.Uint64(), 1)))
	x.h.start(t)
	company := newCompany(x)
	calm := x.s.blow()
	ctx, cancel := context.WithTimeout(t.Context(), *soakFor)
	defer cancel()

	var all sync.WaitGroup
	for n := range 3 {
		r := rand.New(rand.NewPCG(x.r.Uint64(), uint64(n)))
		all.Go(func() { company.misbehave(ctx, r) })
	}
	all.Go(func() { company.build(ctx) })
	all.Go(func() { company.read(ctx) })
	burden := newBurden()
	all.Go(func() { burden.watch(ctx, x) })
	for range soakKills {
		if !sleep(ctx, *soakFor/9) {
			break
		}
		before := x.s.acked()
		killEngine.strike(x)
		t.Logf("the engine was killed; %d acknowledgements came while it was away", x.s.acked()-before)
	}
	<-ctx.Done()
	all.Wait()
	calm()
	x.settled()
	x.ledger()
	t.Log(company.ledger())
	x.ended(soakKills)
	burden.flat(t)
	x.ticked()
	x.everything()
	if code, _ := x.h.stop(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, x.h.log(t))
	}
}

// soakKills is how often the engine is killed: each a ninth of the time after the one before.
const soakKills = 2

// sleep is false where ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// ended holds that the engine ended as often as it was killed, and that the log says of what.
func (x *torture) ended(kills int) {
	x.Helper()
	died := 0
	for line := range strings.Lines(x.h.log(x)) {
		if strings.Contains(line, "embedded clickhouse died") {
			died++
			if !strings.Contains(line, "signal: killed") {
				x.Errorf("the engine ended of something else than kill -9: %s", line)
			}
		}
	}
	if died != kills {
		x.Errorf("the log tells %d ends of the engine, it was killed %d times\n%s", died, kills, x.h.log(x))
	}
	if closed(x.h.exited) {
		x.Errorf("Leadline ended: %s", x.h.cmd.ProcessState)
	}
}

// ticked holds that the rules asked ClickHouse to the end.
func (x *torture) ticked() {
	x.Helper()
	const sql = `SELECT count() FROM system.query_log WHERE log_comment LIKE 'leadline rule=%' AND type = 'QueryFinish'
		AND event_time > now() - INTERVAL 2 MINUTE`
	if got := x.h.sql(x, sql); got == "0" {
		x.Errorf("no rule has asked ClickHouse anything")
	} else {
		x.Logf("%s queries of rules in the last two minutes", got)
	}
}

// company is who else uses the engine meanwhile.
type company struct {
	h      *house
	writer string // password

	mu      sync.Mutex
	did     map[string]int
	answers map[string]int // what became of statements
}

func newCompany(x *torture) *company {
	x.Helper()
	c := &company{h: x.h, writer: x.h.secret(x, "clickhouse.writer"), did: map[string]int{}, answers: map[string]int{}}
	c.ask(x.Context(), "leadline", "CREATE DATABASE IF NOT EXISTS beside")
	c.ask(x.Context(), "leadline", "CREATE TABLE IF NOT EXISTS beside.pool (n UInt64) ENGINE = MergeTree ORDER BY n")
	return c
}

// ask runs a statement and counts what became of it: the engine may be away.
func (c *company) ask(ctx context.Context, user, sql string) {
	password := c.h.analyst
	if user == "leadline" {
		password = c.writer
	}
	status, _, err := c.h.ask(ctx, user, password, sql)
	verb, _, _ := strings.Cut(sql, " ")
	outcome := fmt.Sprintf("%s %s: %d", user, verb, status)
	if err != nil {
		outcome = fmt.Sprintf("%s %s: no answer", user, verb)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[outcome]++
}

// build creates, fills and drops tables beside Leadline's.
func (c *company) build(ctx context.Context) {
	for n := 0; sleep(ctx, 300*time.Millisecond); n++ {
		table := fmt.Sprintf("beside.t_%d", n)
		c.ask(ctx, "leadline", "CREATE TABLE "+table+" (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
		c.ask(ctx, "leadline", "INSERT INTO "+table+" SELECT number, toString(number) FROM numbers(50000)")
		if n%2 == 0 {
			c.ask(ctx, "leadline", "TRUNCATE TABLE "+table)
		}
		c.ask(ctx, "leadline", "DROP TABLE "+table)
	}
}

// read is an analyst with a dashboard.
func (c *company) read(ctx context.Context) {
	for sleep(ctx, 500*time.Millisecond) {
		c.ask(ctx, "analyst", "SELECT partner, count(), quantile(0.95)(e2e_us) FROM journeys GROUP BY partner")
		c.ask(ctx, "analyst", "SELECT stage, quantile(0.95)(total_us) FROM all_spans WHERE minute > now() - INTERVAL 5 MINUTE GROUP BY stage")
		c.ask(ctx, "analyst", "SELECT nothing FROM nowhere")
	}
}

func (c *company) ledger() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("misdeeds %v\nstatements of others, by status: %v", c.did, c.answers)
}

// scrape reads a value of /metrics; false where that page, or the value, is not there.
func (h *house) scrape(name string) (value float64, ok bool) {
	resp, err := sqlClient.Get("http://" + h.listen + "/metrics") //nolint:noctx // loopback, with a timeout
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, false
	}
	for line := range readLines(resp.Body) {
		if n, _ := fmt.Sscanf(line, name+" %g", &value); n == 1 {
			return value, true
		}
	}
	return 0, false
}

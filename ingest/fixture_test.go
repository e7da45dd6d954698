package ingest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"leadline"
	"leadline/ingest/spool"
	"leadline/internal/chtest"
	"leadline/schema"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// schemas of the tests: lead.qualified in versions 1 and 2, purchase.completed in version 1.
func schemas(tb testing.TB) *schema.Registry {
	tb.Helper()
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	r, err := schema.Load(fstest.MapFS{
		"lead.qualified/1.json": file(`{"type":"object"}`),
		"lead.qualified/2.json": file(`{"type":"object","required":["plan"],"additionalProperties":false,"properties":{
			"plan":{"enum":["free","pro"]},"amount":{"type":"integer","minimum":0,"maximum":1000000},"currency":{"type":"string","pattern":"^[A-Z]{3}$"},
			"tags":{"type":"array","maxItems":3,"items":{"type":"string"}}}}`),
		"purchase.completed/1.json": file(`{"type":"object","required":["amount"],"properties":{"amount":{"type":"number"}}}`),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func openSpool(tb testing.TB, dir string, change func(*spool.Options)) *spool.Spool {
	tb.Helper()
	opts := spool.Options{Dir: dir, SegmentBytes: 4 << 20}
	if change != nil {
		change(&opts)
	}
	s, err := spool.Open(opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// start makes a pipeline on a spool of its own, with the tests' schemas, unless change says otherwise.
func start(tb testing.TB, change func(*Options)) *Pipeline {
	tb.Helper()
	opts := Options{
		Writer:  &memory{},
		Schemas: schemas(tb),
		Pepper:  func(partner string) []byte { return []byte("pepper of " + partner) },
		MinAge:  5 * time.Millisecond,
		Log:     slog.New(slog.NewTextHandler(tb.Output(), nil)),
	}
	if change != nil {
		change(&opts)
	}
	if opts.Spool == nil {
		opts.Spool = openSpool(tb, tb.TempDir(), nil)
	}
	p, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// memory is a writer that keeps what it gets, as a table would: a token once.
type memory struct {
	mu       sync.Mutex
	tokens   map[string]bool
	events   []leadline.Event
	rejected []leadline.Rejected
	fail     func(b *leadline.Batch) error // nil: never
}

func (m *memory) Write(_ context.Context, b *leadline.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(b); err != nil {
			return err
		}
	}
	if m.tokens[b.Token] {
		return nil
	}
	if m.tokens == nil {
		m.tokens = map[string]bool{}
	}
	m.tokens[b.Token] = true
	for i := range b.Events {
		e := b.Events[i] // its strings and slices point into the segment
		e.ID, e.LeadKey, e.Payload = string([]byte(e.ID)), string([]byte(e.LeadKey)), slices.Clone(e.Payload)
		e.Warnings, e.Segments = slices.Clone(e.Warnings), slices.Clone(e.Segments)
		m.events = append(m.events, e)
	}
	for _, x := range b.Rejected {
		x.ID, x.Type, x.Schema = string([]byte(x.ID)), string([]byte(x.Type)), string([]byte(x.Schema))
		x.LeadKey = string([]byte(x.LeadKey))
		x.Payload, x.Violations = slices.Clone(x.Payload), slices.Clone(x.Violations)
		for i, v := range x.Violations {
			x.Violations[i].Pointer, x.Violations[i].Got = string([]byte(v.Pointer)), string([]byte(v.Got))
			x.Violations[i].Expected, x.Violations[i].Nearest = string([]byte(v.Expected)), string([]byte(v.Nearest))
		}
		m.rejected = append(m.rejected, x)
	}
	return nil
}

func (m *memory) count() (events, rejected int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events), len(m.rejected)
}

// running runs the pipeline until the returned function is called.
func running(tb testing.TB, p *Pipeline) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("run: %v", err)
		}
	})
	tb.Cleanup(stop)
	return stop
}

// await waits until a condition holds.
func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			tb.Fatalf("waited 30 s for %s", what)
		case <-tick.C:
		}
	}
}

// drained runs the pipeline until everything that was spooled is written to its memory.
func drained(tb testing.TB, p *Pipeline) *memory {
	tb.Helper()
	m := p.opts.Writer.(*memory)
	stop := running(tb, p)
	await(tb, "an empty spool", func() bool { return p.spool.Fill() == 0 })
	stop()
	return m
}

func problem(tb testing.TB, err error) *Problem {
	tb.Helper()
	var p *Problem
	if !errors.As(err, &p) {
		tb.Fatalf("got error %v, want a *Problem", err)
	}
	return p
}

// received is the time of receipt in tests that compare times.
var received = time.Now().UTC().Truncate(time.Microsecond)

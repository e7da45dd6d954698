package ingest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
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

func (m *memory) Block() leadline.Block { return &memoryBlock{memory: m} }

// memoryBlock keeps copies: the strings and slices that it is given point into the segment.
type memoryBlock struct {
	memory *memory
	leadline.Batch
}

func (b *memoryBlock) Begin(token string) { b.Batch = leadline.Batch{Token: token} }

func (b *memoryBlock) Add(events []leadline.Event) {
	for _, e := range events {
		e.ID, e.LeadKey, e.Payload = strings.Clone(e.ID), strings.Clone(e.LeadKey), slices.Clone(e.Payload)
		e.Warnings, e.Segments = slices.Clone(e.Warnings), slices.Clone(e.Segments)
		b.Events = append(b.Events, e)
	}
}

func (b *memoryBlock) Reject(item leadline.Rejected) { b.Rejected = append(b.Rejected, item) }

func (b *memoryBlock) Leave(after func(i int) time.Duration) {
	for i := range b.Events {
		e := &b.Events[i]
		e.Segments[len(e.Segments)-1].Wait += max(0, after(i).Truncate(time.Microsecond)-e.Elapsed())
	}
}

func (b *memoryBlock) Write(context.Context) error {
	m := b.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(&b.Batch); err != nil {
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
	m.events = append(m.events, b.Events...)
	m.rejected = append(m.rejected, b.Rejected...)
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

package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"leadline"
	"leadline/engine"
	"leadline/ingest"
	"leadline/internal/golden"
	"leadline/metrics"
	"leadline/rules"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type parts struct{}

func (parts) Stats() ingest.Stats {
	return ingest.Stats{Accepted: 7, Duplicates: 2, Rejected: 1, Stored: 6, Retries: 3, Aside: 1, Watermark: time.Unix(1_700_000_009, 0)}
}

func (parts) Fill() float64            { return 0.25 }
func (parts) Used() int64              { return 1 << 20 }
func (parts) Waiting() int64           { return 12 }
func (parts) OldestAge() time.Duration { return 1500 * time.Millisecond }
func (parts) KeyCount() int            { return 40 }
func (parts) Memory() int64            { return 4096 }
func (parts) Window() time.Duration    { return 48 * time.Hour }

func (parts) Health() engine.Health {
	return engine.Health{
		Since: time.Unix(1_700_000_000, 0), Restarts: map[string]int64{"SIGKILL": 2}, Last: "SIGKILL",
		Refused: []engine.Refused{{Guard: "native", Reason: "password", Count: 5}},
	}
}

func (parts) Status() []rules.GroupStatus {
	return []rules.GroupStatus{
		{Name: "latency", LastSlot: time.Unix(1_700_000_010, 0), Duration: 20 * time.Millisecond, Evaluations: 9, Missed: 1, Rules: []rules.RuleStatus{{Name: "p95", Instances: map[leadline.State]int{leadline.StateOK: 2, leadline.StateFiring: 1}}, {Name: "lost", Error: "no column"}}},
		{Name: "new", Error: "apply: disk full", Waiting: true, Blind: 4},
	}
}

type reload struct{}

func (reload) Status() metrics.Reload {
	return metrics.Reload{OK: true, Last: time.Unix(1_700_000_005, 0)}
}

type heartbeat struct{}

func (heartbeat) Status() metrics.Heartbeat {
	return metrics.Heartbeat{Sent: 5, Failed: 1, Blind: 2, Mute: 3, Last: time.Unix(1_700_000_007, 0)}
}

// writer is a database that says the same to every batch.
type writer struct{ err error }

func (w writer) Block() leadline.Block       { return w }
func (writer) Begin(string)                  {}
func (writer) Add([]leadline.Event)          {}
func (writer) Reject(leadline.Rejected)      {}
func (writer) Leave(func(int) time.Duration) {}
func (w writer) Write(context.Context) error { return w.err }

// write stores a batch in two pieces.
func write(ctx context.Context, w metrics.Writer, batch *leadline.Batch) error {
	b := w.Block()
	b.Begin("of before")
	b.Add([]leadline.Event{{Partner: "forgotten"}})
	b.Reject(leadline.Rejected{Code: "forgotten"})
	b.Begin(batch.Token)
	b.Add(batch.Events[:1])
	b.Add(batch.Events[1:])
	for _, r := range batch.Rejected {
		b.Reject(r)
	}
	return b.Write(ctx)
}

// everything makes every metric have a value at least once.
func everything(t *testing.T) *metrics.Metrics {
	t.Helper()
	m := metrics.New()
	m.Watch(metrics.Sources{Pipeline: parts{}, Spool: parts{}, Engine: parts{}, Rules: parts{}, Reload: reload{}, Heartbeat: heartbeat{}})
	m.Begin()
	m.Begin()
	m.Observe("/v1/events", 202, 3*time.Millisecond, 512)
	m.Refuse("spool_full")
	b := &leadline.Batch{
		Events: []leadline.Event{
			{Partner: "acme", ReceivedAt: time.Now().Add(-time.Second)},
			{Partner: "acme", ReceivedAt: time.Now().Add(-20 * time.Second), Lane: leadline.LaneOverflow},
			{Partner: "stranger", ReceivedAt: time.Now()},
		},
		Rejected: []leadline.Rejected{{Code: "schema_violation"}},
	}
	m.Sample(leadline.Resources{Interval: 5 * time.Second, EngineCPU: 0.5, MachineCPU: 0.75, EngineRSS: 300, DiskFree: 1000, DiskRead: 10, DiskWrite: 20})
	checkOnce(t, m, metrics.Checks{
		DuplicateRows:  func(context.Context) (float64, error) { return 0, nil },
		MissingRows:    func(context.Context) (float64, error) { return 3, nil },
		WaitingNotices: func(context.Context) (float64, error) { return 1, nil },
		Partners:       func(context.Context) ([]string, error) { return []string{"acme"}, nil },
	})
	if err := write(t.Context(), m.Writer(writer{errors.New("away")}), b); err == nil {
		t.Error("the error is lost")
	}
	if err := write(t.Context(), m.Writer(writer{}), b); err != nil {
		t.Error(err)
	}
	return m
}

func checkOnce(t *testing.T, m *metrics.Metrics, c metrics.Checks) {
	t.Helper()
	c.Log = slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	c.Partners = afterwards(c.Partners, cancel)
	if err := m.Run(ctx, c); err != nil {
		t.Fatal(err)
	}
}

// afterwards ends Run with its last check.
func afterwards(f func(context.Context) ([]string, error), cancel func()) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		defer cancel()
		return f(ctx)
	}
}

func TestTheList(t *testing.T) {
	t.Parallel()
	m := everything(t)
	var got strings.Builder
	for _, f := range ours(t, m) {
		labels := map[string]bool{}
		for _, x := range f.GetMetric() {
			for _, l := range x.GetLabel() {
				labels[l.GetName()] = true
			}
		}
		fmt.Fprintf(&got, "%s %s {%s}\n  %s\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(slices.Sorted(maps.Keys(labels)), ","), f.GetHelp())
	}
	golden.Bytes(t, []byte(got.String()), "metrics.txt")
}

func TestTheNamesFollowTheConventions(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(everything(t).Registry())
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

func TestTheHandbookHasThemAll(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	var told, there []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(leadline_[a-z0-9_]+)").FindAllStringSubmatch(string(text), -1) {
		told = append(told, row[1])
	}
	for _, f := range ours(t, everything(t)) {
		there = append(there, f.GetName())
	}
	slices.Sort(told)
	slices.Sort(there)
	if diff := cmp.Diff(there, told); diff != "" {
		t.Errorf("docs/METRICS.md (-there +told):\n%s", diff)
	}
}

func TestTheValues(t *testing.T) {
	t.Parallel()
	got := values(t, everything(t))
	for name, want := range map[string]float64{
		"leadline_http_requests_total /v1/events 202":               1,
		"leadline_http_request_bytes_total /v1/events":              512,
		"leadline_http_requests_in_flight":                          1,
		"leadline_http_problems_total spool_full":                   1,
		"leadline_intake_items_total accepted":                      7,
		"leadline_intake_items_total duplicate":                     2,
		"leadline_intake_items_total rejected":                      1,
		"leadline_events_stored_total fair":                         2,
		"leadline_events_stored_total overflow":                     1,
		"leadline_rejected_stored_total schema_violation":           1,
		"leadline_partner_events_stored_total acme":                 2,
		"leadline_partner_events_stored_total other":                1,
		"leadline_write_errors_total":                               3,
		"leadline_write_batches_aside":                              1,
		"leadline_spool_oldest_age_seconds":                         1.5,
		"leadline_dedup_window_seconds":                             172800,
		"leadline_engine_up":                                        1,
		"leadline_engine_restarts_total SIGKILL":                    2,
		"leadline_engine_refused_connections_total native password": 5,
		"leadline_engine_cpu_seconds_total":                         2.5,
		"leadline_rules_failing latency":                            1,
		"leadline_rule_group_failing new":                           1,
		"leadline_rule_last_slot_timestamp_seconds latency":         1_700_000_010,
		"leadline_disk_written_bytes_total":                         20,
		"leadline_missing_rows":                                     3,
		"leadline_duplicate_rows":                                   0,
		"leadline_check_errors_total missing_rows":                  0,
		"leadline_partners":                                         1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (%v), want %v", name, v, ok, want)
		}
	}
	if age := got["leadline_partner_event_age_seconds acme"]; age < 20 || age > 60 {
		t.Errorf("acme's oldest event was %v s old", age)
	}
}

// What senders and scrapers do must not make the list of series grow without end.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	var partners []string
	b := &leadline.Batch{}
	for i := range 1000 {
		m.Begin()
		m.Observe(fmt.Sprint("/", i), 200, 0, 0)
		m.Refuse(fmt.Sprint("code", i))
		partners = append(partners, fmt.Sprintf("p%03d", i))
		b.Events = append(b.Events, leadline.Event{Partner: partners[i], ReceivedAt: time.Now()})
		b.Rejected = append(b.Rejected, leadline.Rejected{Code: fmt.Sprint("code", i)})
	}
	check := func(context.Context) (float64, error) { return 0, nil }
	checkOnce(t, m, metrics.Checks{DuplicateRows: check, MissingRows: check, WaitingNotices: check, Partners: func(context.Context) ([]string, error) { return partners, nil }})
	if err := write(t.Context(), m.Writer(writer{}), b); err != nil {
		t.Fatal(err)
	}
	got := values(t, m)
	if n := got["leadline_partner_events_stored_total other"]; n != 800 {
		t.Errorf("%v events of other partners, want 800", n)
	}
	if n := got["leadline_http_problems_total other"]; n != 900 {
		t.Errorf("%v other problems, want 900", n)
	}
	if len(got) > 2000 {
		t.Errorf("%d series", len(got))
	}
}

func TestAPartnerWithoutAKeyIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New()
		var living atomic.Pointer[[]string]
		living.Store(&[]string{"acme", "zen"})
		zero := func(context.Context) (float64, error) { return 0, nil }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- m.Run(ctx, metrics.Checks{
				DuplicateRows: zero, MissingRows: zero, WaitingNotices: zero, Log: slog.New(slog.DiscardHandler),
				Partners: func(context.Context) ([]string, error) { return *living.Load(), nil },
			})
		}()
		synctest.Wait()
		if _, ok := values(t, m)["leadline_partner_events_stored_total zen"]; !ok {
			t.Error("zen is not there")
		}
		living.Store(&[]string{"acme"})
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, ok := values(t, m)["leadline_partner_events_stored_total zen"]; ok {
			t.Error("zen is still there")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAFailingCheckHasNoValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New()
		var away atomic.Bool
		calls := 0
		zero := func(context.Context) (float64, error) { return 0, nil }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- m.Run(ctx, metrics.Checks{
				DuplicateRows: zero, WaitingNotices: zero, Log: slog.New(slog.DiscardHandler),
				MissingRows: func(ctx context.Context) (float64, error) {
					calls++
					if calls == 3 { // never answers
						<-ctx.Done()
						return 0, ctx.Err()
					}
					if away.Load() {
						return 0, errors.New("ClickHouse is away")
					}
					return 4, nil
				},
				Partners: func(context.Context) ([]string, error) { return nil, nil },
			})
		}()
		f := func(there bool, errs float64) {
			t.Helper()
			synctest.Wait()
			got := values(t, m)
			if v, ok := got["leadline_missing_rows"]; ok != there || there && v != 4 {
				t.Errorf("call %d: %v, there %v, want %v", calls, v, ok, there)
			}
			if v := got["leadline_check_errors_total missing_rows"]; v != errs {
				t.Errorf("call %d: %v errors, want %v", calls, v, errs)
			}
		}
		f(true, 0)
		away.Store(true)
		time.Sleep(time.Minute)
		f(false, 1)
		time.Sleep(time.Minute)
		f(false, 1) // still asking
		away.Store(false)
		time.Sleep(30 * time.Second)
		f(false, 2)
		time.Sleep(30 * time.Second)
		f(true, 2)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestCountingARequestAllocatesNothing(t *testing.T) { // not parallel: AllocsPerRun forbids it
	m := metrics.New()
	n := testing.AllocsPerRun(100, func() {
		m.Begin()
		m.Observe("/v1/events", 202, time.Millisecond, 512)
		m.Refuse("spool_full")
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// ours are the families that do not come from a collector of the library.
func ours(t *testing.T, m *metrics.Metrics) []*dto.MetricFamily {
	t.Helper()
	all, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), "leadline_") })
}

// values are the counters and gauges by name and label values.
func values(t *testing.T, m *metrics.Metrics) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	for _, f := range ours(t, m) {
		for _, x := range f.GetMetric() {
			name := f.GetName()
			for _, l := range x.GetLabel() {
				name += " " + l.GetValue()
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				out[name] = x.GetCounter().GetValue()
			case dto.MetricType_GAUGE:
				out[name] = x.GetGauge().GetValue()
			default:
			}
		}
	}
	return out
}

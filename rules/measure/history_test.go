package measure

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline"
)

// remembered are asks whose windows keep needing what was read long before.
func remembered(t *testing.T) []*Ask {
	t.Helper()
	return []*Ask{
		{Name: "g/rolled", By: []string{"partner"}, Interval: 10 * time.Minute, Measures: []Measure{
			{Source: Events, Kind: Quantile, Level: 0.9, Of: "e2e_ms", Window: 9 * time.Hour},
			{Source: Events, Kind: Ratio, Where: where(t, Events, "e2e_ms > 300"), Window: 3 * time.Hour},
		}},
		{Name: "g/raw", By: []string{"bot"}, Interval: 10 * time.Minute, Measures: []Measure{{Source: Spans, Kind: Quantile, Level: 0.5, Of: "wait_ms", Window: 150 * time.Minute}}},
	}
}

// walk is every row of a history, written out.
func walk(t *testing.T, h *History, asks []*Ask, from, to time.Time) string {
	t.Helper()
	var b strings.Builder
	for end := from; end.Before(to); end = end.Add(asks[0].Interval) {
		x, err := h.At(t.Context(), end)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range asks {
			rows, err := x.Rows(a)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				fmt.Fprintln(&b, end.Unix(), a.Name, r.Key, r.Values, r.Past)
			}
		}
	}
	return b.String()
}

// TestHistoryReadsAgainWhatItForgot takes the memory away: what a window subtracts is read a second time then, and the
// rows stay the same.
func TestHistoryReadsAgainWhatItForgot(t *testing.T) {
	t.Parallel()
	db := seeded(t).open(t)
	from, to := noon.Add(-20*time.Hour), noon
	f := func(budget int) (rows string, queries int) {
		t.Helper()
		asks := remembered(t)
		h, err := New(db).History(t.Context(), asks, from, to, 0)
		if err != nil {
			t.Fatal(err)
		}
		h.budget = budget
		rows = walk(t, h, asks, from, to)
		if h.held > max(budget, heavyChunk) {
			t.Errorf("%d bytes are held of a budget of %d", h.held, budget)
		}
		return rows, h.Queries
	}
	want, few := f(historyBudget)
	got, many := f(0)
	if want != got || !strings.Contains(want, "g/raw bot=") || !strings.Contains(want, "g/rolled partner=") {
		t.Errorf("without memory there are other rows")
	}
	if many <= few {
		t.Errorf("%d queries without memory, %d with", many, few)
	}
	t.Logf("%d queries with memory, %d without", few, many)
}

// TestHistorySkips holds why an ask is not answered.
func TestHistorySkips(t *testing.T) {
	t.Parallel()
	db := &counting{Querier: seeded(t).open(t)}
	f := func(a *Ask, want string) {
		t.Helper()
		h, err := New(db).History(t.Context(), []*Ask{a}, noon.Add(-time.Hour), noon, 100)
		if err != nil {
			t.Fatal(err)
		}
		x, err := h.At(t.Context(), noon.Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := x.Rows(a)
		if skipped := h.Skipped(a); want == "" {
			if skipped != nil || err != nil || len(rows) == 0 {
				t.Errorf("%s: skipped %v, %d rows, %v", a.Name, skipped, len(rows), err)
			}
		} else if skipped == nil || !strings.Contains(skipped.Error(), want) || err == nil || len(db.take()) > 0 {
			t.Errorf("%s: skipped %v, want %q", a.Name, skipped, want)
		}
		db.take()
	}
	own := &Custom{SQL: "SELECT count() AS value FROM events", Window: time.Hour, Timeout: time.Second}
	n := []Measure{{Name: "value"}}
	f(&Ask{Name: "often", Interval: 35 * time.Second, Custom: own, Measures: n}, "asked 103 times")
	f(&Ask{Name: "seldom", Interval: 36 * time.Second, Custom: own, Measures: n}, "")
	raw := []Measure{{Source: Events, Kind: Count, Window: 100 * time.Second}}
	f(&Ask{Name: "coprime", Interval: 30*time.Second + time.Millisecond, Measures: raw}, "no whole second in common: 1ms")
	f(&Ask{Name: "ten seconds", Interval: 30 * time.Second, Measures: raw}, "")

	if _, err := New(db).History(t.Context(), []*Ask{{Name: "a", Interval: time.Second}, {Name: "b", Interval: time.Minute}}, noon, noon, 0); err == nil {
		t.Error("two intervals are taken")
	}
}

// TestHistoryTellsWhatFails: a query that fails ends the history, with its reason.
func TestHistoryTellsWhatFails(t *testing.T) {
	t.Parallel()
	a := &Ask{Name: "a", Interval: time.Minute, Measures: []Measure{{Source: Events, Kind: Count, Window: time.Hour}}}
	h, err := New(refusing{}).History(t.Context(), []*Ask{a}, noon, noon.Add(time.Hour), 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := h.At(t.Context(), noon); err == nil || err.Error() != "history of events: no memory left" {
			t.Errorf("error %v", err)
		}
	}
}

type refusing struct{}

func (refusing) Select(context.Context, leadline.Query) (*leadline.Table, error) {
	return nil, fmt.Errorf("no memory left")
}

// FuzzUnpack holds the reader of packed answers to its bounds: whatever comes, it is read or refused.
func FuzzUnpack(f *testing.F) {
	f.Add("")
	f.Add("\x05\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x01\x00\x00\x00\x00\x00\x00\x00", 3) + "\x01\x07\x00\x02\x00\x00\x00\x00\x00\x00\x00")
	f.Add("\x05\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\xff", 40))
	f.Fuzz(func(t *testing.T, packed string) {
		x := &flow{source: Events, labels: []string{"partner"}, parts: []part{{}}, series: newNames([]string{"partner"})}
		c, err := x.read(&leadline.Table{Columns: []string{"partner", "packed"}, Rows: [][]any{{"acme", packed}}}, 0, 10)
		if err != nil {
			return
		}
		n := 0
		for cell := c.lo; cell < c.hi; cell++ {
			n += len(c.at(cell))
		}
		if n != len(c.entries) || n*32 > len(packed) {
			t.Fatalf("%d of %d entries in the cells, of %d bytes", n, len(c.entries), len(packed))
		}
	})
}

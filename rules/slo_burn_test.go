package rules

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"leadline"
	"leadline/rules/budget"
	"leadline/rules/measure"
)

// traffic is what went by, by minutes: how many events every partner had, and how many of them were bad.
type traffic struct {
	from    time.Time
	total   map[string][]float64 // running sums: of everything before the minute
	bad     map[string][]float64
	allowed float64
}

func newTraffic(from time.Time, allowed float64) *traffic {
	return &traffic{from: from, total: map[string][]float64{}, bad: map[string][]float64{}, allowed: allowed}
}

// add lets some minutes go by.
func (h *traffic) add(partner string, minutes int, total, bad float64) *traffic {
	if h.total[partner] == nil {
		h.total[partner], h.bad[partner] = []float64{0}, []float64{0}
	}
	for range minutes {
		t, b := h.total[partner], h.bad[partner]
		h.total[partner], h.bad[partner] = append(t, t[len(t)-1]+total), append(b, b[len(b)-1]+bad)
	}
	return h
}

func (h *traffic) minutes(partner string) int { return len(h.total[partner]) - 1 }

// sum is what a running sum gained in a window.
func (h *traffic) sum(sums []float64, end time.Time, window time.Duration) float64 {
	at := func(t time.Time) float64 {
		return sums[min(max(0, int(t.Sub(h.from)/time.Minute)), len(sums)-1)]
	}
	return at(end) - at(end.Add(-window))
}

// moment is the traffic at the end of windows.
type moment struct {
	*traffic
	end time.Time
}

// Rows implements measure.Answers for the rules of an SLO by partner.
func (m moment) Rows(a *measure.Ask) (rows []measure.Row, err error) {
	for _, partner := range sortedKeys(m.total) {
		if m.sum(m.total[partner], m.end, max(a.Longest(), a.Expect)) == 0 {
			continue
		}
		labels := leadline.Labels{"partner": partner}
		row := measure.Row{Labels: labels, Key: labels.Key()}
		for _, x := range a.Measures {
			total, bad := m.sum(m.total[partner], m.end, x.Window), m.sum(m.bad[partner], m.end, x.Window)
			switch {
			case x.Kind == measure.Quantile && bad > m.allowed*total:
				row.Values = append(row.Values, 1000)
			case x.Kind == measure.Quantile:
				row.Values = append(row.Values, 100)
			case strings.HasPrefix(x.Name, "bad_"):
				row.Values = append(row.Values, bad)
			default:
				row.Values = append(row.Values, total)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// play evaluates a group from one minute to another and says what changed, minutes counted from begin.
func play(t *testing.T, g *Group, m *Memory, h *traffic, from, to, step, begin int) (said []string, all []leadline.Transition) {
	t.Helper()
	for minute := from; minute <= to; minute += step {
		end := h.from.Add(time.Duration(minute) * time.Minute)
		out := g.Evaluate(m, moment{h, end}, end.Add(g.QueryOffset))
		for _, r := range out.Rules {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		for _, x := range out.Transitions {
			said = append(said, fmt.Sprintf("%+dm %s %s %s %s", minute-begin, x.Change, x.Rule, x.Labels["partner"], x.Severity))
			all = append(all, x)
		}
		m.Keep(out)
	}
	return said, all
}

func told(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

const burnt = `
  service: intake
  description: 99 % of leads are stored within 600 ms
  objective: 99
  period: 30d
  sli: {latency: {of: event.e2e_ms, threshold: 600}}
  by: [partner]
  alerting:
    page: {labels: {urgency: high}, annotations: {action: 'Page {{ .Values.burn_1h | number }}.'}}
    ticket: {annotations: {action: Ticket.}}
`

// only is a group with one of its rules.
func only(g *Group, name string) *Group {
	one := *g
	one.Rules = nil
	for _, r := range g.Rules {
		if r.Name == name {
			one.Rules = append(one.Rules, r)
		}
	}
	return &one
}

const threeDays = 3 * 24 * 60

// An outage of everything is seen when 14.4 % of an hour's events are bad, and is over when five minutes are quiet and
// stay so for five more.
func TestBurnPagesAndResolves(t *testing.T) {
	t.Parallel()
	g := only(oneSLO(t, burnt), "fast")
	h := newTraffic(noon, 0.01).add("acme", threeDays, 100, 0).add("acme", 12, 100, 100).add("acme", 60, 100, 0)
	h.add("well", threeDays+72, 100, 0)
	m := NewMemory(time.Time{}, nil)
	said, all := play(t, g, m, h, threeDays-10, threeDays+72, 1, threeDays)
	told(t, said, "+9m firing fast acme page", "+22m resolved fast acme page")
	x := all[0]
	if x.Window != time.Hour || x.RuleLabels["urgency"] != "high" || x.RuleLabels["slo"] != "fast" || x.RuleLabels["service"] != "intake" || x.RuleLabels["team"] != "pipeline" {
		t.Errorf("window %v, labels %v", x.Window, x.RuleLabels)
	}
	const words = "burning 15×: 21 % of the 30-day budget gone in the last hour, empty in 1 d 14 h at this rate"
	for name, text := range map[string]string{"summary": words, "budget": words, "objective": "99 % of leads are stored within 600 ms", "action": "Page 15."} {
		if x.Annotations[name] != text {
			t.Errorf("%s: %q, want %q", name, x.Annotations[name], text)
		}
	}
	for _, i := range m.Instances("fast") {
		for _, name := range []string{"burn_1h", "burn_6h", "budget_left"} {
			if _, ok := i.Values[name]; !ok {
				t.Errorf("%s of %v is not known, it has %v", name, i.Labels, sortedKeys(i.Values))
			}
		}
	}
	if v := m.Instances("fast")[1].Values; v["burn_1h"] != 0 || v["budget_left"] != 1 {
		t.Errorf("the partner who is well has %v", v)
	}
}

// Twice the allowed share is a ticket when half of three days has burnt like that; it never pages.
func TestBurnOpensATicket(t *testing.T) {
	t.Parallel()
	g := only(oneSLO(t, burnt), "fast")
	h := newTraffic(noon, 0.01).add("acme", threeDays, 100, 0).add("acme", threeDays, 100, 2)
	said, all := play(t, g, NewMemory(time.Time{}, nil), h, threeDays, 2*threeDays, 10, threeDays)
	told(t, said, "+2170m firing fast acme ticket")
	if a := all[0].Annotations["action"]; a != "Ticket." {
		t.Errorf("action %q", a)
	}
	if _, ok := all[0].RuleLabels["urgency"]; ok {
		t.Errorf("labels %v are those of a page", all[0].RuleLabels)
	}
}

// Three events a minute are too few in an hour and enough in six.
func TestBurnOfATrickle(t *testing.T) {
	t.Parallel()
	g := only(oneSLO(t, burnt), "fast")
	h := newTraffic(noon, 0.01).add("acme", threeDays, 3, 0).add("acme", 60, 3, 3)
	h.add("tiny", threeDays, 0.01, 0).add("tiny", 60, 0.01, 0.01) // 43 in three days
	said, _ := play(t, g, NewMemory(time.Time{}, nil), h, threeDays-10, threeDays+60, 1, threeDays)
	told(t, said, "+22m firing fast acme page")
}

// Nothing resolves because traffic stopped, or because too little of it is left to tell.
func TestBurnHoldsWithoutTraffic(t *testing.T) {
	t.Parallel()
	g := only(oneSLO(t, burnt), "fast")
	for _, left := range []float64{0, 2} { // events a minute, all of them bad
		m := NewMemory(time.Time{}, nil)
		h := newTraffic(noon, 0.01).add("acme", threeDays, 100, 0).add("acme", 12, 100, 100).add("acme", 600, left, left)
		said, _ := play(t, g, m, h, threeDays, threeDays+612, 1, threeDays)
		if len(said) == 0 || said[0] != "+9m firing fast acme page" || strings.Contains(strings.Join(said, " "), "resolved") {
			t.Errorf("with %v events a minute: %v", left, said)
		}
		h.add("acme", 1440, 100, 0)
		said, _ = play(t, g, m, h, threeDays+613, h.minutes("acme"), 1, threeDays+612)
		if len(said) == 0 || !strings.Contains(said[len(said)-1], "resolved") {
			t.Errorf("after it came back from %v: %v", left, said)
		}
	}
}

func TestQuantileOfAnSLO(t *testing.T) {
	t.Parallel()
	g := only(oneSLO(t, burnt), "fast-p99")
	h := newTraffic(noon, 0.01).add("acme", 60, 250, 0).add("acme", 30, 250, 5).add("acme", 30, 250, 0)
	h.add("few", 60, 100, 0).add("few", 60, 100, 5) // five minutes hold 500, ten bad ones need 1,000
	said, _ := play(t, g, NewMemory(time.Time{}, nil), h, 50, 120, 1, 60)
	told(t, said, "+5m firing fast-p99 acme ticket", "+38m resolved fast-p99 acme ticket")
}

// A series that has gone silent pages when an outage of the same length would: 14.4 % of an hour.
func TestAbsentSeries(t *testing.T) {
	t.Parallel()
	g := only(oneSLO(t, burnt+"    absent: true\n"), "fast-absent")
	h := newTraffic(noon, 0.01).add("acme", threeDays, 100, 0).add("acme", 120, 0, 0).add("acme", 10, 100, 0)
	h.add("rare", threeDays+130, 1, 0)
	h.add("small", threeDays, 1, 0).add("small", 130, 0, 0) // 60 an hour are not missed
	said, all := play(t, g, NewMemory(time.Time{}, nil), h, threeDays-10, threeDays+130, 1, threeDays)
	told(t, said, "+9m firing fast-absent acme page", "+121m resolved fast-absent acme page")
	if s := all[0].Annotations["summary"]; s != "nothing for 9 min, 6,000 in the 1 h before" {
		t.Errorf("summary %q", s)
	}
}

// What the generated conditions say is what the arithmetic says, whatever the counters.
func TestConditionsAgreeWithTheArithmetic(t *testing.T) {
	t.Parallel()
	groups := []*Group{oneSLO(t, burnt), oneSLO(t, "\n  objective: 95\n  period: {campaign: 6h}\n  by: [campaign]\n  sli: {latency: {of: event.e2e_ms, threshold: 600}}\n")}
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(groups).Draw(t, "group").Rules[0]
		o := r.Objective
		row := measure.Row{Labels: leadline.Labels{}}
		for _, b := range r.Ask.By {
			row.Labels[b] = "x"
		}
		counts := map[string]budget.Count{}
		for _, m := range r.Ask.Measures {
			if w, ok := strings.CutPrefix(m.Name, "bad_"); ok {
				row.Values = append(row.Values, counts[w].Bad)
				continue
			}
			total := float64(rapid.IntRange(0, 1000).Draw(t, m.Name))
			ratio := o.Target.Allowed() * rapid.SampledFrom([]float64{0, 0.5, 1, 3, 6, 14.4, 20}).Draw(t, "burn")
			row.Values = append(row.Values, total)
			counts[strings.TrimPrefix(m.Name, "total_")] = budget.Count{Bad: min(total, total*ratio), Total: total}
		}
		over := func(d time.Duration) budget.Count { return counts[strings.TrimPrefix(budget.TotalOver(d), "total_")] }
		severity := ""
		for _, p := range o.Pairs {
			if long := over(p.Long); severity == "" && o.Fires(p, long, over(p.Short)) && long.Total >= o.MinTotal && long.Bad >= o.MinBad {
				severity = p.Severity
			}
		}
		got := observe(r, &row)
		if got.Severity != severity {
			t.Fatalf("%v: observed %q, want %q", counts, got.Severity, severity)
		}
		silent := true
		for _, p := range o.Pairs {
			silent = silent && over(p.Long).Total == 0
		}
		if silent && got.Kind != ObsHold {
			t.Fatalf("without events observed %v, want to hold", got.Kind)
		}
	})
}

// historic asks a traffic.
type historic struct{ *traffic }

func (h historic) Fetch(_ context.Context, _ []*measure.Ask, end time.Time) measure.Answers {
	return moment{h.traffic, end}
}

// The engine tells where every series of an objective stands, those at rest as well.
func TestEngineTellsObjectives(t *testing.T) {
	t.Parallel()
	g := oneSLO(t, burnt)
	h := newTraffic(noon, 0.01).add("acme", threeDays, 100, 0).add("acme", 12, 100, 100).add("well", threeDays+12, 100, 0.2)
	e := New(Options{Groups: []*Group{g}, Asker: historic{h}, Sink: &world{}})
	if s := e.SLOs(); len(s) != 1 || s[0].Name != "fast" || s[0].Service != "intake" || s[0].Objective != 99 || s[0].Period != "30d" || len(s[0].Series) != 0 {
		t.Fatalf("before the first slot: %+v", s)
	}
	if err := e.runs[0].load(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	at := Slot(noon.Add((threeDays+12)*time.Minute), g.Interval, g.Name).Add(g.Interval)
	e.runs[0].tick(t.Context(), at)
	s := e.SLOs()[0]
	if !s.Slot.Equal(at) || len(s.Series) != 2 {
		t.Fatalf("%+v", s)
	}
	acme, well := s.Series[0], s.Series[1]
	if acme.State != leadline.StateFiring || acme.Severity != SeverityPage || acme.EmptyIn == nil || *acme.EmptyIn <= 0 || acme.Burns["5m"] != 100 || acme.Left == nil ||
		!strings.HasPrefix(acme.Budget, "burning 20×: ") {
		t.Errorf("acme %+v", acme)
	}
	if well.State != leadline.StateOK || math.Abs(well.Burns["1h"]-0.2) > 1e-9 || well.Left == nil || math.Abs(*well.Left-0.8) > 1e-9 || well.EmptyIn != nil {
		t.Errorf("well %+v", well)
	}
}

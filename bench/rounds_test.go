package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheSidesOfACloseRatioTakeTurns(t *testing.T) {
	t.Parallel()
	f := func(only string, want ...string) {
		t.Helper()
		var got []string
		for _, s := range plan(strings.Split(only, ",")) {
			got = append(got, s.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", only, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	f("native,leadline,null,clickhouse,otel",
		"1 a request, leadline, round 1 of 3", "1 a request, null, round 1 of 3",
		"1 a request, leadline, round 2 of 3", "1 a request, null, round 2 of 3",
		"1 a request, leadline, round 3 of 3", "1 a request, null, round 3 of 3",
		"1 a request, clickhouse", "1 a request, otel",
		"1000 a request, leadline, round 1 of 3", "1000 a request, clickhouse, round 1 of 3",
		"1000 a request, leadline, round 2 of 3", "1000 a request, clickhouse, round 2 of 3",
		"1000 a request, leadline, round 3 of 3", "1000 a request, clickhouse, round 3 of 3",
		"1000 a request, null", "1000 a request, otel")
	f("leadline,null",
		"1 a request, leadline, round 1 of 3", "1 a request, null, round 1 of 3",
		"1 a request, leadline, round 2 of 3", "1 a request, null, round 2 of 3",
		"1 a request, leadline, round 3 of 3", "1 a request, null, round 3 of 3",
		"1000 a request, leadline", "1000 a request, null")
	f("null,clickhouse", "1 a request, null", "1 a request, clickhouse", "1000 a request, clickhouse", "1000 a request, null")
	f("otel,leadline", "1 a request, leadline", "1 a request, otel", "1000 a request, leadline", "1000 a request, otel")
	f("native")
}

func TestTheEmptyHandlerRunsAtTheRateOfTheLeadlineBeforeIt(t *testing.T) {
	t.Parallel()
	r := &run{Pairs: map[string]map[int][]pair{}}
	for _, s := range plan([]string{"leadline", "null", "clickhouse"}) {
		want := 0.0
		if s.kind.name == "null" {
			want = float64(s.events * s.round)
			if s.of == 1 {
				want = float64(s.events * rounds) // after all rounds of the others
			}
		}
		if got := r.beside(&s); got != want {
			t.Errorf("%v: beside %v, want %v", &s, got, want)
		}
		r.add(&s, pair{Half: figures{Rate: float64(s.events * s.round)}})
	}
	for _, s := range plan([]string{"null"}) {
		if got := new(run).beside(&s); got != 0 {
			t.Errorf("%v, no Leadline: beside %v", &s, got)
		}
	}
}

// every figure set to v.
func every(v float64) (f figures) {
	into := reflect.ValueOf(&f).Elem()
	for _, field := range into.Fields() {
		field.SetFloat(v)
	}
	return f
}

func TestFiguresAreMediansOfTheRoundsAndThePeakIsTheLargest(t *testing.T) {
	t.Parallel()
	f := func(all []pair, want pair) {
		t.Helper()
		r := &run{Pairs: map[string]map[int][]pair{"leadline": {1: all}}}
		got, ok := r.pair("leadline", 1)
		if ok != (len(all) > 0) || got != want {
			t.Errorf("%+v, %v; want %+v", got, ok, want)
		}
	}
	with := func(f figures, change func(f *figures)) figures {
		change(&f)
		return f
	}
	f(nil, pair{})
	f([]pair{{every(1), every(2), every(3)}}, pair{every(1), every(2), every(3)})
	f([]pair{{Full: every(5), Half: every(40)}, {Full: every(9), Half: every(20)}, {Full: every(1), Half: every(30)}},
		pair{Full: with(every(5), func(f *figures) { f.Peak = 9 }), Half: with(every(30), func(f *figures) { f.Peak = 40 })})
	// Each figure by itself: no round has both.
	f([]pair{{Full: figures{Stored: 1, P99: 1}}, {Full: figures{Stored: 2, P99: 3}}, {Full: figures{Stored: 3, P99: 2}}},
		pair{Full: figures{Stored: 2, P99: 2}})
}

// inRounds is a run whose Leadline and peers stored so much, at a thousand events a request.
func inRounds(leadline, clickhouse, otel []float64) *run {
	r := &run{Pairs: map[string]map[int][]pair{}}
	for name, all := range map[string][]float64{"leadline": leadline, "clickhouse": clickhouse, "otel": otel} {
		for _, stored := range all {
			r.add(&step{events: 1000, kind: &kind{name: name}}, pair{Full: figures{Stored: stored}})
		}
	}
	return r
}

func TestARatioIsTakenRoundByRound(t *testing.T) {
	t.Parallel()
	f := func(r *run, theirs string, want ...float64) {
		t.Helper()
		if got := ratio(1000, theirs, storedFull, storedFull)(r); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	r := inRounds([]float64{100, 300, 200}, []float64{50, 200, 400}, []float64{10})
	f(r, "clickhouse", 2, 1.5, 0.5)
	f(r, "otel", 20) // of the medians
	f(r, "null")
	f(inRounds(nil, []float64{1}, nil), "clickhouse")
	f(inRounds([]float64{1, 2}, []float64{0, 4}, nil), "clickhouse", 0.5)
}

func TestAFloorIsHeldAgainstTheMedianOfTheRounds(t *testing.T) {
	t.Parallel()
	target := target{floor: 1, of: ratio(1000, "clickhouse", storedFull, storedFull)}
	f := func(want verdict, runs ...*run) {
		t.Helper()
		if got := target.judge(runs); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	one := inRounds([]float64{100, 300, 200}, []float64{50, 200, 400}, nil) // 2, 1.5, 0.5; the medians' is 1
	two := inRounds([]float64{80, 90, 300}, []float64{100, 100, 100}, nil)  // 0.8, 0.9, 3
	f(verdict{})
	f(verdict{}, inRounds([]float64{1}, nil, nil))
	f(verdict{Runs: 1, Held: 1, Median: 1.5, Values: 3, Least: 0.5, Most: 2}, one)
	f(verdict{Runs: 2, Held: 1, Median: 1.2, Values: 6, Least: 0.5, Most: 3}, one, two)
}

func TestTheReportSaysHowFarTheRoundsLieApart(t *testing.T) {
	t.Parallel()
	const said, name = "took turns in 3 rounds", "| 1 000 a request: stored/s, Leadline : ClickHouse's HTTP intake | ≥ 1.00× | ≥ 1.60× | "
	f := func(r *run, turns bool, want string) {
		t.Helper()
		text := render(&options{seconds: time.Second}, []*run{r})
		if strings.Contains(text, said) != turns || !strings.Contains(text, name+want) {
			t.Errorf("turns %v, want %q in:\n%s", turns, want, text)
		}
	}
	f(inRounds([]float64{97, 102, 93}, []float64{100, 100, 100}, nil), true, "**0.97×** (0.93–1.02) | ✗ held in 0 of 1 |")
	f(inRounds([]float64{160}, []float64{100}, nil), false, "**1.60×** | ✓ aim |")
	f(inRounds([]float64{160, 170, 180}, nil, nil), true, "not measured | – |")
}

func TestARangeLeavesOutTheUnit(t *testing.T) {
	t.Parallel()
	f := func(unit, number, whole string) {
		t.Helper()
		target := target{unit: unit}
		if n, w := target.number(1.26), target.format(1.26); n != number || w != whole {
			t.Errorf("%q, %q; want %q, %q", n, w, number, whole)
		}
	}
	f("×", "1.26", "1.26×")
	f("ms", "1.3", "1.3 ms")
	f("µs", "1.260", "1.260 µs")
	f("MB", "1", "1 MB")
	f("", "1", "1")
}

package main

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
)

// rounds is how often the two sides of a close ratio take turns. The machine's speed moves by a third within minutes: of
// two measurements made once, one after the other, the ratio is luck.
const rounds = 3

// step of a run: one subject, started afresh.
type step struct {
	events int // a request
	kind   *kind
	round  int // from 1
	of     int // rounds
}

// plan is what a run measures, in this order: for each number of events a request those that take turns, round by round,
// then the others once. Who has nobody to take turns with is measured once as well.
func plan(only []string) (steps []step) {
	for _, events := range requestSizes {
		var turns, once []*kind
		for i := range kinds {
			k := &kinds[i]
			switch {
			case !slices.Contains(only, k.name):
			case slices.Contains(k.turns, events):
				turns = append(turns, k)
			default:
				once = append(once, k)
			}
		}
		of := rounds
		if len(turns) == 1 {
			of = 1
		}
		for round := range of {
			for _, k := range turns {
				steps = append(steps, step{events, k, round + 1, of})
			}
		}
		for _, k := range once {
			steps = append(steps, step{events, k, 1, 1})
		}
	}
	return steps
}

func (s *step) String() string {
	text := fmt.Sprintf("%d a request, %s", s.events, s.kind.name)
	if s.of > 1 {
		text += fmt.Sprintf(", round %d of %d", s.round, s.of)
	}
	return text
}

// measureSubjects takes every step of the plan.
func (r *run) measureSubjects(ctx context.Context, o *options, out io.Writer) error {
	for _, s := range plan(o.only) {
		p, err := measurePair(ctx, o, s.kind, s.events, r.beside(&s))
		if err != nil {
			return err
		}
		r.add(&s, p)
		fmt.Fprintf(out, "· %v: %.0f/s acknowledged, %.0f/s stored, p99 %.2f ms; at %.0f/s p99 %.2f ms\n", &s, p.Full.Acked, p.Full.Stored, p.Full.P99, p.Half.Rate, p.Half.P99)
	}
	return nil
}

// beside is the rate, in events a second, at which the empty handler runs as well: half of the maximum of the Leadline
// before it. It is 0 for other subjects and where there is no such Leadline.
func (r *run) beside(s *step) float64 {
	before := r.Pairs["leadline"][s.events]
	if s.kind.name != "null" || len(before) == 0 {
		return 0
	}
	return before[len(before)-1].Half.Rate
}

func (r *run) add(s *step, p pair) {
	if r.Pairs[s.kind.name] == nil {
		r.Pairs[s.kind.name] = map[int][]pair{}
	}
	r.Pairs[s.kind.name][s.events] = append(r.Pairs[s.kind.name][s.events], p)
}

// pair is a subject's figures over its rounds.
func (r *run) pair(kind string, events int) (pair, bool) {
	all := r.Pairs[kind][events]
	return medianPair(all), len(all) > 0
}

// rounds is the most that any subject was measured.
func (r *run) rounds() (most int) {
	for _, sizes := range r.Pairs {
		for _, all := range sizes {
			most = max(most, len(all))
		}
	}
	return most
}

func medianPair(all []pair) pair {
	var full, half, beside []figures
	for i := range all {
		full, half, beside = append(full, all[i].Full), append(half, all[i].Half), append(beside, all[i].Beside)
	}
	return pair{medianFigures(full), medianFigures(half), medianFigures(beside)}
}

// medianFigures are the medians, figure by figure; only Peak is the largest, since it bounds memory.
func medianFigures(all []figures) (f figures) {
	into := reflect.ValueOf(&f).Elem()
	for i := range into.NumField() {
		values := make([]float64, len(all))
		for j := range all {
			values[j] = reflect.ValueOf(&all[j]).Elem().Field(i).Float()
		}
		_, middle, _ := spread(values)
		into.Field(i).SetFloat(middle)
	}
	for i := range all {
		f.Peak = max(f.Peak, all[i].Peak)
	}
	return f
}

package spool

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// choosing is a spool without a disk: what Next chooses from.
func choosing() *Spool {
	s := &Spool{opts: Options{LateAfter: 5 * time.Second}}
	s.turns.weigh(1, 1)
	return s
}

// As long as something waits something comes, the oldest of its queue, and everything comes once.
func TestNextChoosesOldestOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, now := choosing(), time.Unix(1_000_000, 0)
		var waiting []*Segment
		queue := func(g *Segment) int { return s.queueOf(g.Lane(), now.Sub(g.head.created)) }
		take := func(t *rapid.T) {
			g, _, err := s.choose(now, 0)
			if err != nil || (g == nil) != (len(waiting) == 0) {
				t.Fatalf("chosen %v of %d that wait, %v", g, len(waiting), err)
			}
			i := slices.IndexFunc(waiting, func(w *Segment) bool { return g != nil && queue(w) == queue(g) })
			switch {
			case g == nil:
				return
			case i < 0 || waiting[i] != g:
				t.Fatal("it came before, or an older one of its queue waits")
			}
			waiting = slices.Delete(waiting, i, i+1)
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				g := &Segment{head: header{
					lane:    rapid.SampledFrom([]Lane{Fair, Overflow}).Draw(t, "lane"),
					created: now,
				}}
				g.records = rapid.IntRange(1, 60_000).Draw(t, "records")
				s.lines[g.Lane()].live = append(s.lines[g.Lane()].live, g)
				waiting = append(waiting, g)
			},
			"age":   func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 7).Draw(t, "seconds")) * time.Second) },
			"take":  take,
			"again": take,
			"weigh": func(t *rapid.T) {
				s.Weigh(rapid.IntRange(-1, 9).Draw(t, "fair"), rapid.IntRange(-1, 9).Draw(t, "overflow"))
			},
			"forget": func(t *rapid.T) {
				l := &s.lines[rapid.IntRange(0, lanes-1).Draw(t, "lane")]
				if len(l.live) > 0 && l.live[0].out {
					l.live = l.live[1:]
				}
			},
			"restart": func(*rapid.T) {
				again := choosing()
				for i := range again.lines {
					again.lines[i].live = s.lines[i].live
				}
				s = again
			},
		})
		for len(waiting) > 0 {
			take(t)
		}
	})
}

// The bound is Lemma 2 of the paper: between two queues that hold something all the time, what each has sent in rounds
// of its own quantum differs by one round and by what is left over of a segment.
func TestSharesFollowTheWeights(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var turns turns
		fair, over := rapid.IntRange(1, 20).Draw(t, "fair"), rapid.IntRange(1, 20).Draw(t, "overflow")
		turns.weigh(fair, over)
		largest := rapid.SampledFrom([]int{1, quantum, 50_000}).Draw(t, "largest")
		size := rapid.IntRange(1, largest)
		var costs, sent [queues]int
		for i := range costs {
			costs[i] = costOf(size.Draw(t, "cost"))
		}
		for range 300 {
			i := turns.next(&costs)
			if again := turns.next(&costs); again != i {
				t.Fatalf("queue %d, then %d without a take", i, again)
			}
			turns.take(i, costs[i])
			sent[i] += costs[i]
			costs[i] = costOf(size.Draw(t, "cost"))
			for a := range sent {
				for b := range sent {
					qa, qb := float64(turns.quantum[a]), float64(turns.quantum[b])
					apart := math.Abs(float64(sent[a])/qa - float64(sent[b])/qb)
					most := float64(costOf(largest))
					if apart > 1+most/qa+most/qb {
						t.Fatalf("sent %v with quanta %v: %.1f rounds apart", sent, turns.quantum, apart)
					}
				}
			}
		}
	})
}

// A queue alone sends at once, however small its weight and large its segments, and an absence earns it nothing.
func TestAnEmptyQueueCostsNothing(t *testing.T) {
	t.Parallel()
	var turns turns
	turns.weigh(1000, 1)
	for range 1000 {
		alone := [queues]int{overflow: 50_000}
		turns.take(turns.next(&alone), 50_000)
	}
	both := [queues]int{fresh: quantum, overflow: quantum}
	for n := range 100 {
		i := turns.next(&both)
		if i == overflow && n > 1 {
			t.Fatal("overflow has its turn again at once")
		}
		turns.take(i, quantum)
	}
	if got := turns.next(&[queues]int{}); got != -1 || turns.deficit != [queues]int{} {
		t.Fatalf("queue %d of none, deficits %v", got, turns.deficit)
	}
}

// A fresh record does not wait for the backlog of an outage, nor the backlog for fresh ones that never end.
func TestFreshPassesABacklog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Options{Dir: dir, MaxRecords: 2})
		for n := range 200 {
			mustAppend(t, s, fmt.Sprint("a", n), fmt.Sprint("b", n))
		}
		<-time.After(10 * time.Second)
		backlog := 0
		for n := range 50 {
			mustAppend(t, s, fmt.Sprint("fresh", n))
			<-time.After(100 * time.Millisecond)
			came := false
			for range 2 {
				g, err := s.Next(t.Context(), 100*time.Millisecond)
				if err != nil {
					t.Fatal(err)
				}
				if ids := content(g); ids[0] == fmt.Sprint("fresh", n) {
					came = true
				} else {
					wantIDs(t, ids, []string{fmt.Sprint("a", backlog), fmt.Sprint("b", backlog)})
					backlog++
				}
				mustDone(t, g)
			}
			if !came {
				t.Fatalf("fresh record %d waits for the backlog", n)
			}
		}
		if backlog != 50 {
			t.Errorf("%d of the backlog came beside 50 fresh ones", backlog)
		}
		mustClose(t, s)
		s = mustOpen(t, Options{Dir: dir})
		if age := s.OldestAge(); age != 15*time.Second {
			t.Errorf("after the restart the backlog is %v old", age)
		}
		mustAppend(t, s, "after")
		got := append(content(mustNext(t, s)), content(mustNext(t, s))...)
		if got[0] != "after" && got[len(got)-1] != "after" {
			t.Errorf("got %q after the restart", got)
		}
		mustClose(t, s)
	})
}

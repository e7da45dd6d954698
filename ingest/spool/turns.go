package spool

import (
	"sync/atomic"
	"time"
)

// Next chooses between three queues by deficit round robin (M. Shreedhar, G. Varghese: Efficient Fair Queuing Using
// Deficit Round Robin, SIGCOMM 1995): each queue that holds something is granted its quantum once a round and may
// send as long as its deficit covers the first segment; what is left over is kept while the queue holds something.
const (
	fresh    = iota // of the fair lane, younger than Options.LateAfter
	late            // of the fair lane, older: what an outage has left
	overflow        // of the other lane
	queues
)

// quantum is what the queue with the largest weight is granted a round, and the least that a segment costs. The unit
// is the record, because records are what the way out spends its time on: enrichment, rules and rows cost by the
// record, whatever its size. An insert has a price of its own, though, so a small segment counts as this many records.
// No queue then sends two segments in one visit: a fresh one waits for one late one, unless that is much smaller.
const quantum = 1000

// turns is the state of the round.
type turns struct {
	quantum [queues]int
	deficit [queues]int
	at      int
	granted bool // at has got its quantum in this visit
}

// weigh sets the quanta. Fresh and late share the fair weight half and half.
func (t *turns) weigh(fairWeight, overflowWeight int) {
	fairWeight, overflowWeight = max(1, fairWeight), max(1, overflowWeight)
	most := max(fairWeight, 2*overflowWeight)
	t.quantum[fresh] = max(1, quantum*fairWeight/most)
	t.quantum[late] = t.quantum[fresh]
	t.quantum[overflow] = max(1, quantum*2*overflowWeight/most)
}

// next gives the queue whose turn it is, by the cost of the first segment of each; 0 says that a queue is empty. It is
// -1 when all are. Asked again before take, with the same costs, it gives the same answer.
func (t *turns) next(costs *[queues]int) int {
	empty := true
	for i, cost := range costs {
		if cost == 0 {
			t.deficit[i] = 0
		} else {
			empty = false
		}
	}
	if empty {
		return -1
	}
	for {
		i := t.at
		if costs[i] > 0 && !t.granted {
			t.deficit[i] += t.quantum[i]
			t.granted = true
		}
		if costs[i] > 0 && costs[i] <= t.deficit[i] {
			return i
		}
		t.at, t.granted = (i+1)%queues, false
	}
}

// take charges a queue for what it sent.
func (t *turns) take(i, cost int) { t.deficit[i] -= cost }

func costOf(records int) int { return max(records, quantum) }

// line is what Next knows of a lane. The atomics spare the committer a lock that every sender wants.
type line struct {
	live    []*Segment   // frozen and not done, oldest first; after Close also the active one
	first   time.Time    // when the active segment's first record came; zero where it has none
	records atomic.Int64 // of the active segment
	freeze  atomic.Bool  // Next wants the active segment
}

// oldest is when the first record came that is not done; zero when there is none.
func (l *line) oldest() time.Time {
	if len(l.live) > 0 {
		return l.live[0].head.created
	}
	return l.first
}

// head is the first segment of a queue. It is a lane's active one, which must be frozen first, where segment is nil.
type head struct {
	segment *Segment
	lane    Lane
}

// overflowAge times as old as a fair segment must one of the overflow lane be. Every batch costs ClickHouse some 50 ms
// beside its rows: at the fair lane's rhythm those of the other would take a third of its time.
const overflowAge = 4

// heads finds the first segment of each queue and what it costs. wait is how long it takes until an active segment is
// minAge old and joins them, 0 where there is none. s.mu is held.
func (s *Spool) heads(now time.Time, minAge time.Duration, withActive bool) (heads [queues]head, costs [queues]int, wait time.Duration) {
	for lane := range Lane(lanes) {
		l, minAge := &s.lines[lane], minAge
		if lane == Overflow {
			minAge *= overflowAge
		}
		for _, g := range l.live {
			if g.out {
				continue
			}
			q := s.queueOf(lane, now.Sub(g.head.created))
			if costs[q] == 0 {
				heads[q], costs[q] = head{g, lane}, costOf(g.records)
			}
			if q != late {
				break
			}
		}
		if l.first.IsZero() || !withActive {
			continue
		}
		age := now.Sub(l.first)
		q := s.queueOf(lane, age)
		switch {
		case age < minAge:
			if wait == 0 || minAge-age < wait {
				wait = minAge - age
			}
		case costs[q] == 0:
			heads[q], costs[q] = head{nil, lane}, costOf(int(l.records.Load()))
		}
	}
	return heads, costs, wait
}

func (s *Spool) queueOf(lane Lane, age time.Duration) int {
	switch {
	case lane == Overflow:
		return overflow
	case age > s.opts.LateAfter:
		return late
	}
	return fresh
}

// Weigh sets how many records each lane sends while both hold some, in proportion; at least 1 each. Without it they
// are equal.
func (s *Spool) Weigh(fair, overflow int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns.weigh(fair, overflow)
}

package store

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ClickHouse/ch-go/proto"

	"leadline/latency"
)

// uneven counts what is between two inserts that only together leave the tables even: events and its rollup, a note in
// erasures and the deletion.
type uneven struct {
	mu             sync.Mutex
	running, begun int
}

func (u *uneven) begin() (end func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running++
	u.begun++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.running--
	}
}

func (u *uneven) now() (running, begun int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.running, u.begun
}

// errUneven asks for another try: the tables were not still long enough to be counted.
var errUneven = errors.New("other batches or an erasure are under way, and the rows cannot be counted meanwhile: try again")

// cell is what a rollup counts by, the stage and the minute apart: a retry may count in another minute.
type cell struct{ partner, campaign string }

// minutesAbsent reports whether latency_1m lacks a day of the batch, whose events are there.
//
// It knows no ids, but it has to count what events and erasures hold together, by day, partner and campaign
// (erasures: by day and partner). If it lacks at least what the batch has of every partner and campaign, it lacks the
// batch. No time border is needed, because all else is still: Leadline writes one batch after the other until each is
// stored, and is the only one that writes to tables that are not replicated (several Leadlines share replicated ones, which
// do not come here). What could still mislead it is another batch that is half stored, because ClickHouse refused the
// rest of it for good or because Leadline was killed in it, and that has as many events as this one or more of each
// partner and campaign of its; or an erasure that was killed between its note and its deletion.
//
// Cost: reads partner and campaign of the day's events: 0.1 s of CPU for 10 million.
func (w *writer) minutesAbsent(ctx context.Context, d *DB, b *block, day uint32) (bool, error) {
	running, before := d.uneven.now()
	lacks, erased, err := w.lacks(ctx, day)
	if err != nil {
		return false, err
	}
	if _, begun := d.uneven.now(); running > 1 || begun != before {
		return false, errUneven
	}
	has, ofPartner := map[cell]int64{}, map[string]int64{}
	for e := range b.events.ways() {
		if dayOf(e.ReceivedAt.UnixMicro()) == day {
			has[cell{e.Partner, e.Campaign}]++
			ofPartner[e.Partner]++
		}
	}
	lacksOfPartner := map[string]int64{}
	for c, n := range lacks {
		lacksOfPartner[c.partner] += n
	}
	for c, n := range has {
		if lacks[c]+erased[c.partner] < n || lacksOfPartner[c.partner]+erased[c.partner] < ofPartner[c.partner] {
			return false, nil
		}
	}
	return true, nil
}

// lacks counts a day: the events that are there and that latency_1m does not count, less those that it counts and that are
// gone; and how many of each partner were erased.
func (w *writer) lacks(ctx context.Context, day uint32) (map[cell]int64, map[string]int64, error) {
	lacks, erased := map[cell]int64{}, map[string]int64{}
	var partner, campaign proto.ColStr
	var n proto.ColInt64
	// What a deletion that is under way is about to delete counts as gone.
	err := w.ask(ctx, fmt.Sprintf(`SELECT partner, campaign, sum(n) AS n FROM (
			SELECT partner, campaign, toInt64(count()) AS n FROM events WHERE toDate(received_at) = toDate(%[1]d) GROUP BY partner, campaign
			UNION ALL
			SELECT partner, campaign, -toInt64(sum(events)) AS n FROM latency_1m WHERE day = toDate(%[1]d) AND stage = %[2]s GROUP BY partner, campaign
		) GROUP BY partner, campaign SETTINGS apply_mutations_on_fly = 1`, day, literal(latency.Whole)),
		proto.Results{{Name: "partner", Data: &partner}, {Name: "campaign", Data: &campaign}, {Name: "n", Data: &n}},
		func() {
			for i := range n {
				lacks[cell{partner.Row(i), campaign.Row(i)}] = n.Row(i)
			}
		})
	if err != nil {
		return nil, nil, err
	}
	partner.Reset()
	n.Reset()
	err = w.ask(ctx, fmt.Sprintf("SELECT partner, toInt64(sum(events)) AS n FROM erasures WHERE day = toDate(%d) GROUP BY partner", day),
		proto.Results{{Name: "partner", Data: &partner}, {Name: "n", Data: &n}},
		func() {
			for i := range n {
				erased[partner.Row(i)] = n.Row(i)
			}
		})
	return lacks, erased, err
}

package measure

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadline"
)

// sightEvery is how often it is looked again for series that were seen since the last settled hour.
const sightEvery = 5 * time.Minute

// sight asks which series were seen within a horizon before the end, whatever a rule's windows say.
type sight struct {
	source  Source
	by      string
	horizon time.Duration
}

// sightsOf are the sights of an ask: none without labels, because the one series there is always has a row.
func sightsOf(a *Ask) (out []sight) {
	if a.Expect <= 0 || len(a.By) == 0 {
		return nil
	}
	for i := range a.Measures {
		s := sight{a.Measures[i].Source, strings.Join(a.By, ","), a.Expect}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// parts are the times that are looked at: the horizon before the last settled hour, which changes once an hour, and the
// minutes since.
func (s sight) parts(end time.Time) (hours, minutes span) {
	to := floor(end.Unix(), 60)
	settled := floor(to-int64(Settle/time.Second), 3600)
	from := floor(settled-int64(s.horizon/time.Second), 3600)
	return span{from, settled}, span{settled, floor(to, int64(sightEvery/time.Second))}
}

// rolled reports whether the rollup knows the series.
func (s sight) rolled() bool {
	v := views[s.source]
	return !slices.ContainsFunc(split(s.by), func(b string) bool { return !slices.Contains(v.rolled, b) })
}

func (s sight) query(x span, t tier) leadline.Query {
	v := views[s.source]
	table, at, rows := t.table, t.time, v.rows
	switch {
	case s.source == Schema:
		table, at, rows = "events", "minute", "1"
	case !s.rolled():
		table, at, rows = v.table, "minute", "1"
	}
	return leadline.Query{
		Name: "leadline rules " + table + " " + s.by + " seen",
		SQL: "SELECT " + s.by + "\nFROM " + table + "\nWHERE " + at + " >= " + second(x.from) + " AND " + at + " < " + second(x.to) + " AND " + rows +
			"\nGROUP BY " + s.by + "\nLIMIT " + strconv.Itoa(maxAnswer),
	}
}

type sightKey struct {
	sight
	span
}

// seen are series that were seen in some time.
type seen struct {
	labels []leadline.Labels
	keys   []string
}

func (r *Reader) sight(ctx context.Context, s sight, end time.Time, timeout time.Duration) ([]*seen, error) {
	hours, minutes := s.parts(end)
	var out []*seen
	for _, x := range []struct {
		span
		tier
	}{{hours, byHour}, {minutes, byMinute}} {
		if x.empty() {
			continue
		}
		part, err := r.sights.get(ctx, sightKey{s, x.span}, func() (*seen, error) {
			return read(ctx, r, s.query(x.span, x.tier), timeout, s.read)
		})
		if err != nil {
			return nil, err
		}
		out = append(out, part)
	}
	return out, nil
}

func (s sight) read(t *leadline.Table) (*seen, error) {
	sh := sheet{by: split(s.by)}
	p, err := sh.page(t)
	if err != nil {
		return nil, err
	}
	return &seen{p.labels, p.keys}, nil
}

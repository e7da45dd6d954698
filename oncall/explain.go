package oncall

import (
	"context"
	"maps"
	"math"
	"sync"
	"time"

	"leadline"
	"leadline/state"
)

const (
	explainTimeout = 3 * time.Second // for all questions of one moment together: the page goes out anyway
	explainAtOnce  = 4
	freshFirst     = 10 * time.Second // between questions while there is no whole verdict
	freshLater     = 30 * time.Second // else; grows to a tenth of the incident's age
)

// question asks for one incident's verdict.
type question struct {
	key     string
	started time.Time
	labels  leadline.Labels
}

// firstVerdicts are those of the incidents that the evaluation opens.
func (d *Desk) firstVerdicts(ctx context.Context, ev leadline.Evaluation) (map[string]*leadline.Verdict, error) {
	firing := map[string][]leadline.Alert{}
	for _, t := range ev.Transitions {
		if t.Change == leadline.ChangeFiring && t.Group != leadline.SelfGroup { // no event is slow there
			key := incidentKey(t.Group, t.Rule)
			firing[key] = append(firing[key], leadline.Alert{Labels: t.Labels, Since: t.Since, State: leadline.StateFiring})
		}
	}
	if len(firing) == 0 {
		return nil, nil
	}
	var ask []question
	err := d.state.View(ctx, func(tx *state.Tx) error {
		for key, alerts := range firing {
			last, known, err := tx.LastIncident(key)
			if err != nil {
				return err
			}
			if !known || last.State == leadline.IncidentResolved {
				ask = append(ask, questionOf(key, alerts))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d.verdicts(ctx, ask), nil
}

// questionOf asks about the series that fire: since the first of them, with the labels that all of them share.
func questionOf(key string, alerts []leadline.Alert) question {
	q := question{key: key}
	for _, a := range alerts {
		if a.State != leadline.StateFiring {
			continue
		}
		if q.started.IsZero() {
			q.started, q.labels = a.Since, leadline.Labels{}
			maps.Copy(q.labels, a.Labels)
		}
		if a.Since.Before(q.started) {
			q.started = a.Since
		}
		for k, v := range q.labels {
			if a.Labels[k] != v {
				delete(q.labels, k)
			}
		}
	}
	return q
}

// verdicts answers all questions, those in vain with a verdict that says why.
func (d *Desk) verdicts(ctx context.Context, ask []question) map[string]*leadline.Verdict {
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	now := time.Now().UTC()
	var mu sync.Mutex
	var wg sync.WaitGroup
	out := make(map[string]*leadline.Verdict, len(ask))
	turns := make(chan struct{}, explainAtOnce)
	for _, q := range ask {
		wg.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			v, err := d.explain(ctx, q.started, now, q.labels)
			if err != nil {
				d.log.Warn("verdict failed", "incident_key", q.key, "error", err)
				v = &leadline.Verdict{From: q.started, To: now, Incomplete: "the analysis failed"}
				if ctx.Err() != nil {
					v.Incomplete = "the analysis took longer than " + span(explainTimeout)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out[q.key] = v
		})
	}
	wg.Wait()
	return out
}

// refresh asks again for the verdicts of what still fires, because the first was made of the first slow seconds, and
// keeps those that say something else. due remembers when each incident is asked about next.
func (d *Desk) refresh(ctx context.Context, due map[int64]time.Time) error {
	now := time.Now().UTC()
	var live []leadline.Incident
	err := d.state.View(ctx, func(tx *state.Tx) (err error) {
		live, err = tx.Incidents(state.IncidentFilter{Unresolved: true})
		return err
	})
	if err != nil {
		return err
	}
	var ask []question
	still := map[int64]bool{}
	asked := map[string]leadline.Incident{}
	for _, i := range live {
		if i.Group == leadline.SelfGroup {
			continue
		}
		still[i.ID] = true
		if due[i.ID].IsZero() {
			due[i.ID] = i.OpenedAt.Add(pause(i.Verdict, 0))
		}
		q := questionOf(i.Key, i.Alerts)
		if q.started.IsZero() || now.Before(due[i.ID]) {
			continue
		}
		ask = append(ask, q)
		asked[q.key] = i
	}
	for id := range due {
		if !still[id] {
			delete(due, id)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	verdicts := d.verdicts(ctx, ask)
	for key, i := range asked {
		due[i.ID] = now.Add(pause(verdicts[key], now.Sub(i.OpenedAt)))
	}
	err = d.state.Update(ctx, func(tx *state.Tx) error {
		for key, v := range verdicts {
			i, ok, err := tx.LastIncident(key)
			if err != nil {
				return err
			}
			e := &episode{Incident: i, known: true, now: now}
			if !ok || !e.live() || !saysMore(v, i.Verdict) {
				continue
			}
			if stage, ok := v.Bottleneck(); ok {
				e.note(LogVerdict, "%s has %.0f %% of the slow-down", stage.Stage, 100*stage.Share)
			}
			e.Verdict, e.changed = v, true
			if err := d.keep(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	d.poke()
	return err
}

func pause(v *leadline.Verdict, age time.Duration) time.Duration {
	if v == nil || v.Incomplete != "" {
		return max(freshFirst, age/10)
	}
	return max(freshLater, age/10)
}

// saysMore reports whether a new verdict is worth an edit: the first whole one, another bottleneck, another worst
// partner or campaign, a share that moved by 0.1, or a P95 that moved by a quarter.
func saysMore(v, old *leadline.Verdict) bool {
	if v == nil || v.Incomplete != "" {
		return false
	}
	if old == nil || old.Incomplete != "" {
		return true
	}
	now, _ := v.Bottleneck()
	was, _ := old.Bottleneck()
	return now.Stage != was.Stage || math.Abs(now.Share-was.Share) >= 0.1 ||
		worst(v.Partners) != worst(old.Partners) || worst(v.Campaigns) != worst(old.Campaigns) ||
		math.Abs(v.P95MS-old.P95MS) >= 0.25*old.P95MS
}

func worst(a []leadline.Affected) string {
	if len(a) == 0 {
		return ""
	}
	return a[0].Name
}

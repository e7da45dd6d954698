package oncall

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/state"
)

func TestOneIncidentFromFirstToLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.Reschedule([]Schedule{{Name: "ops", Zone: time.UTC, Rotation: Rotation{Users: []string{"Boris"}, Days: 1, Start: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)}}})
		start := time.Now().UTC()
		o.apply(change(leadline.ChangeFiring, "ticket", "spring"))
		want := leadline.Incident{
			ID: 1, Key: "g/latency", Group: "g", Rule: "latency", State: leadline.IncidentOpen, Severity: "ticket",
			Labels: leadline.Labels{"team": "growth"}, Texts: map[string]string{"summary": "P95 of spring"},
			Alerts: []leadline.Alert{{
				Labels: leadline.Labels{"campaign": "spring"}, State: leadline.StateFiring, Severity: "ticket",
				Values: map[string]float64{"p95": 812}, Since: start.Add(-20 * time.Second),
			}},
			StartedAt: start.Add(-20 * time.Second), OpenedAt: start, OnCall: boris, Revision: 1,
			Verdict: &leadline.Verdict{From: start.Add(-20 * time.Second), To: start, Stages: []leadline.StageShare{{Stage: "enrich.geoip", Share: 0.9}}, P95MS: 800},
		}
		if diff := cmp.Diff(want, o.incident(1)); diff != "" {
			t.Errorf("opened (-want +got):\n%s", diff)
		}
		o.wait(time.Minute)
		o.apply(change(leadline.ChangeFiring, "ticket", "autumn"), change(leadline.ChangeLevel, "page", "spring"))
		o.apply(change(leadline.ChangeLevel, "ticket", "spring"))
		if i := o.incident(1); i.Severity != "page" || len(i.Alerts) != 2 || i.Alerts[0].Severity != "ticket" || i.Revision != 3 {
			t.Errorf("after joining: %+v", i)
		}
		o.wait(time.Minute)
		o.apply(change(leadline.ChangeNoData, "", "spring"), change(leadline.ChangeResolved, "", "autumn"))
		if i := o.incident(1); i.State != leadline.IncidentOpen || i.Alerts[0].State != leadline.StateNoData {
			t.Errorf("no data resolved it: %+v", i)
		}
		o.apply(change(leadline.ChangeDataBack, "", "spring"), leadline.Transition{Change: leadline.ChangeError, Group: "g", Rule: "latency", Detail: "timeout"})
		o.wait(time.Minute)
		o.apply(change(leadline.ChangeResolved, "", "spring"))
		i := o.incident(1)
		if i.State != leadline.IncidentResolved || i.ResolvedBy != "" || i.ResolvedAt != start.Add(3*time.Minute) || i.Alerts[0].ResolvedAt.IsZero() {
			t.Errorf("resolved: %+v", i)
		}
		same(t, "timeline", o.timeline(1), `
opened: campaign="spring" fires: ticket, 20 s after it began
joined: campaign="autumn" fires, too
level: campaign="spring": page, was ticket
level: campaign="spring": ticket, was page
no_data: campaign="spring": no data, which does not mean that it is over
recovered: campaign="autumn" is fine again after 1 min 20 s
data_back: campaign="spring": data again
eval_error: It: timeout
recovered: campaign="spring" is fine again after 3 min 20 s
resolved: 3 min 20 s after it began`)
	})
}

func TestAnIncidentThatGoesOnInAnotherSeriesStaysOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.apply(change(leadline.ChangeResolved, "", "a"), change(leadline.ChangeFiring, "page", "b"))
		if i := o.incident(1); i.State != leadline.IncidentOpen || i.Revision != 2 {
			t.Errorf("%+v", i)
		}
		// the rule is gone, and with it the series
		err := o.Apply(t.Context(), leadline.Evaluation{Group: "g", Slot: time.Now(), Gone: []leadline.Instance{{Group: "g", Rule: "latency", Labels: leadline.Labels{"campaign": "b"}}}})
		if i := o.incident(1); err != nil || i.State != leadline.IncidentResolved {
			t.Errorf("%v %+v", err, i)
		}
	})
}

func TestFiringAgainSoonReopens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		if _, done, err := o.Act(t.Context(), Actor{"Anna", "api"}, 1, leadline.ActionAck); !done || err != nil {
			t.Fatal(done, err)
		}
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(reopenWithin - time.Second)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		i := o.incident(1)
		if i.State != leadline.IncidentOpen || !i.ResolvedAt.IsZero() || i.AckedBy != "" || i.Texts[TextRemark] != "Reopened: it fired again 9 min 59 s after its end" {
			t.Errorf("%+v", i)
		}
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(reopenWithin)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		if i := o.incident(2); i.State != leadline.IncidentOpen || i.Texts[TextRemark] != "" || len(i.Alerts) != 1 {
			t.Errorf("a later one: %+v", i)
		}
	})
}

func TestWhatBelongsToNoIncident(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.apply(change(leadline.ChangeNoData, "", "a"), change(leadline.ChangeResolved, "", "b"),
			leadline.Transition{Change: leadline.ChangeError, Group: "g", Rule: "latency", Detail: "timeout"})
		same(t, "timeline of none", o.timeline(0), `
no_data: campaign="a": no data, which does not mean that it is over
eval_error: It: timeout`)
		err := o.db.View(t.Context(), func(tx *state.Tx) error {
			all, err := tx.Incidents(state.IncidentFilter{})
			if len(all) > 0 {
				t.Errorf("opened %+v", all)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		// data came back for a series that never fired
		back := change(leadline.ChangeDataBack, "", "a")
		if err := o.Apply(t.Context(), leadline.Evaluation{Group: "g", Transitions: []leadline.Transition{back}, Instances: []leadline.Instance{{Group: "g", Rule: "latency", Labels: back.Labels, State: leadline.StateOK}}}); err != nil {
			t.Error(err)
		}
		if got, err := o.Instances(t.Context(), "g"); err != nil || len(got) != 3 {
			t.Errorf("instances: %v %v", got, err)
		}
	})
}

func TestValuesOfASeriesFollow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		i := leadline.Instance{Group: "g", Rule: "latency", Labels: leadline.Labels{"campaign": "a"}, State: leadline.StateFiring, Values: map[string]float64{"p95": 3000, "share": math.NaN()}}
		if err := o.Apply(t.Context(), leadline.Evaluation{Group: "g", Instances: []leadline.Instance{i}}); err != nil {
			t.Fatal(err)
		}
		if i := o.incident(1); i.Alerts[0].Values["p95"] != 3000 || len(i.Alerts[0].Values) != 1 || i.Revision != 1 {
			t.Errorf("%+v", i)
		}
	})
}

func TestPageGoesOutWithoutAVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.explain = func(ctx context.Context, _, _ time.Time, _ leadline.Labels) (*leadline.Verdict, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		start := time.Now()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		if took := time.Since(start); took != explainTimeout {
			t.Errorf("took %s", took)
		}
		if v := o.incident(1).Verdict; v == nil || v.Incomplete != "the analysis took longer than 3.0 s" {
			t.Errorf("%+v", v)
		}
		o.explain = func(context.Context, time.Time, time.Time, leadline.Labels) (*leadline.Verdict, error) {
			return nil, errors.New("connection refused")
		}
		t2 := change(leadline.ChangeFiring, "page", "a")
		t2.Rule = "other"
		o.apply(t2)
		if v := o.incident(2).Verdict; v == nil || v.Incomplete != "the analysis failed" {
			t.Errorf("%+v", v)
		}
	})
}

// The first verdict is made of the first slow seconds; later ones replace it where they say something else.
func TestVerdictBecomesAccurate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		var asked []time.Duration
		var labels []leadline.Labels
		start := time.Now()
		share := map[bool]float64{}
		o.verdict = func(_, now time.Time, l leadline.Labels) (*leadline.Verdict, error) {
			asked, labels = append(asked, now.Sub(start)), append(labels, l)
			if len(asked) == 1 {
				return &leadline.Verdict{Incomplete: "too few events"}, nil
			}
			return &leadline.Verdict{P95MS: 1000, Stages: []leadline.StageShare{{Stage: "enrich.geoip", Share: 0.7 + share[now.Sub(start) > time.Minute]}}}, nil
		}
		share[true] = 0.25
		stop := o.run()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(2 * time.Minute)
		stop()
		if diff := cmp.Diff([]time.Duration{0, 10 * time.Second, 40 * time.Second, 70 * time.Second, 100 * time.Second}, asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
		if labels[4]["campaign"] != "a" {
			t.Errorf("asked about %v", labels)
		}
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page open r3")
		if b, _ := o.incident(1).Verdict.Bottleneck(); b.Share != 0.95 {
			t.Errorf("%+v", b)
		}
	})
}

func TestQuestionIsWhatAllSeriesShare(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	a := leadline.Alert{State: leadline.StateFiring, Since: at, Labels: leadline.Labels{"campaign": "x", "partner": "p"}}
	b := leadline.Alert{State: leadline.StateFiring, Since: at.Add(-time.Minute), Labels: leadline.Labels{"campaign": "y", "partner": "p"}}
	over := leadline.Alert{State: leadline.StateOK, Since: at.Add(-time.Hour), Labels: leadline.Labels{"campaign": "z"}}
	got := questionOf("k", []leadline.Alert{a, over, b})
	if !got.started.Equal(b.Since) || !cmp.Equal(got.labels, leadline.Labels{"partner": "p"}) {
		t.Errorf("%+v", got)
	}
	if got := questionOf("k", []leadline.Alert{over}); !got.started.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestRoute(t *testing.T) {
	t.Parallel()
	f := func(chats Chats, team string, want ...int64) {
		t.Helper()
		got, err := chats.Route(leadline.Labels{"team": team})
		if (err != nil) != (len(want) == 0) || len(got) != len(want) {
			t.Fatalf("%v %v, want %v", got, err, want)
		}
		for i := range got {
			if got[i].Chat != want[i] {
				t.Errorf("%v, want %v", got, want)
			}
		}
	}
	f(Chats{"ops": {Chat: 1}, "growth": {Chat: 2}}, "growth", 2)
	f(Chats{"ops": {Chat: 1}, "growth": {Chat: 2}}, "pipeline", 1)
	f(Chats{"ops": {Chat: 1}, "growth": {Chat: 2}}, "", 1)
	f(Chats{"b": {Chat: 1}, "a": {Chat: 2}}, "c", 2, 1)
	f(nil, "ops")
}

func TestSpan(t *testing.T) {
	t.Parallel()
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := span(d); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f(-time.Second, "0.0 s")
	f(4240*time.Millisecond, "4.2 s")
	f(20*time.Second, "20 s")
	f(130*time.Second, "2 min 10 s")
	f(2*time.Minute, "2 min")
	f(3*time.Hour+5*time.Minute, "3 h 5 min")
	f(52*time.Hour, "2 d 4 h")
}

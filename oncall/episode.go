package oncall

import (
	"maps"
	"slices"
	"time"

	"leadline"
	"leadline/state"
)

// reopenWithin is how soon after its end an incident that fires again is the same one, and how long after a resolve by
// hand it is looked whether it still fires.
const reopenWithin = 10 * time.Minute

// severityPage is the severity that wakes people.
const severityPage = "page"

// TextRemark is the key in Incident.Texts under which a reopened incident says why.
const TextRemark = "remark"

// episode is an incident while one evaluation, button or timer is applied to it. It is pure: what to write is in its
// fields.
type episode struct {
	leadline.Incident
	now     time.Time
	verdict *leadline.Verdict // for an incident that opens

	known   bool // the incident has a row
	changed bool // in a way that its messages show
	touched bool // otherwise
	opens   bool // anew or again
	rings   bool // new messages, because an edit makes no sound
	log     []state.LogEntry
}

func (e *episode) note(kind, format string, args ...any) {
	e.log = append(e.log, entry(e.now, e.ID, kind, format, args...))
}

func (e *episode) live() bool { return e.State != "" && e.State != leadline.IncidentResolved }

// calm reports whether no series of it fires or is unknown.
func (e *episode) calm() bool {
	return !slices.ContainsFunc(e.Alerts, func(a leadline.Alert) bool { return a.State != leadline.StateOK })
}

// loose reports whether a line of the timeline belongs to no incident: it is about a series that has none.
func (e *episode) loose(kind string) bool {
	return !e.live() && (kind == LogError || kind == LogNoData || kind == LogDataBack)
}

func (e *episode) apply(t leadline.Transition) {
	a := e.alert(t.Labels)
	switch t.Change {
	case leadline.ChangeFiring:
		e.fire(t)
	case leadline.ChangeLevel:
		e.level(t, a)
	case leadline.ChangeDataBack:
		switch {
		case !e.live():
			e.fire(t)
		case a != nil:
			a.State, e.changed = leadline.StateFiring, true
		}
		e.note(LogDataBack, "%s: data again", name(t.Labels))
	case leadline.ChangeNoData:
		if a != nil && a.State == leadline.StateFiring {
			a.State, e.touched = leadline.StateNoData, true
			e.changed = e.changed || e.live()
		}
		e.note(LogNoData, "%s: no data, which does not mean that it is over", name(t.Labels))
	case leadline.ChangeError:
		e.note(LogError, "%s: %s", name(t.Labels), t.Detail)
	case leadline.ChangeResolved:
		e.recover(t, a)
	}
}

func (e *episode) alert(l leadline.Labels) *leadline.Alert {
	for i := range e.Alerts {
		if maps.Equal(e.Alerts[i].Labels, l) {
			return &e.Alerts[i]
		}
	}
	return nil
}

func (e *episode) fire(t leadline.Transition) {
	switch {
	case e.live():
		e.note(LogJoined, "%s fires, too", name(t.Labels))
	case e.known && e.now.Sub(e.ResolvedAt) < reopenWithin:
		e.reopen(t.Severity, "it fired again "+span(e.now.Sub(e.ResolvedAt))+" after its end")
	default:
		e.open(t)
	}
	e.retext(t.Annotations)
	e.Labels = t.RuleLabels
	a := e.alert(t.Labels)
	if a == nil {
		e.Alerts = append(e.Alerts, leadline.Alert{Labels: t.Labels})
		a = &e.Alerts[len(e.Alerts)-1]
	}
	*a = leadline.Alert{Labels: t.Labels, State: leadline.StateFiring, Severity: t.Severity, Values: t.Values, Since: t.Since}
	e.rise(t.Severity)
	e.changed = true
}

func (e *episode) open(t leadline.Transition) {
	e.Incident = leadline.Incident{
		Key: incidentKey(t.Group, t.Rule), Group: t.Group, Rule: t.Rule, State: leadline.IncidentOpen, Severity: t.Severity,
		StartedAt: t.Since, OpenedAt: e.now, Verdict: e.verdict,
	}
	e.known, e.opens, e.rings = false, true, true
	e.note(LogOpened, "%s fires: %s, %s after it began", name(t.Labels), t.Severity, span(e.now.Sub(t.Since)))
}

// reopen makes the incident live again. The timeline keeps who acknowledged and resolved it before.
func (e *episode) reopen(severity, why string) {
	e.State, e.Severity = leadline.IncidentOpen, severity
	e.AckedAt, e.AckedBy, e.ResolvedAt, e.ResolvedBy = time.Time{}, "", time.Time{}, ""
	if e.verdict != nil {
		e.Verdict = e.verdict
	}
	e.Texts = maps.Clone(e.Texts)
	if e.Texts == nil {
		e.Texts = map[string]string{}
	}
	e.Texts[TextRemark] = "Reopened: " + why
	e.opens, e.rings, e.changed = true, true, true
	e.note(LogReopened, "%s", why)
}

// retext takes the newest annotations and keeps the remark.
func (e *episode) retext(annotations map[string]string) {
	if annotations == nil {
		return
	}
	remark, ok := e.Texts[TextRemark]
	if e.Texts = maps.Clone(annotations); ok {
		e.Texts[TextRemark] = remark
	}
}

// level follows a series to another severity. It opens where nothing is open, unless the level fell.
func (e *episode) level(t leadline.Transition, a *leadline.Alert) {
	if a == nil || !e.live() && rank(t.Severity) > rank(a.Severity) {
		e.fire(t)
		return
	}
	e.note(LogLevel, "%s: %s, was %s", name(t.Labels), t.Severity, a.Severity)
	a.Severity, a.Values, e.touched = t.Severity, t.Values, true
	if !e.live() {
		return
	}
	e.retext(t.Annotations)
	e.rise(t.Severity)
	e.changed = true
}

// rise keeps the worst severity that a live incident has reached: one that swings between two levels rings once.
func (e *episode) rise(severity string) {
	if rank(severity) <= rank(e.Severity) {
		return
	}
	e.Severity = severity
	e.rings = e.rings || severity == severityPage
}

func (e *episode) recover(t leadline.Transition, a *leadline.Alert) {
	if a == nil || a.State == leadline.StateOK {
		return
	}
	a.State, a.ResolvedAt, e.touched = leadline.StateOK, t.Slot, true
	e.note(LogRecovered, "%s is fine again after %s%s", name(t.Labels), span(t.Slot.Sub(a.Since)), suffix(t.Detail))
	if !e.live() {
		return
	}
	e.changed = true
	if e.calm() {
		e.resolve("")
		e.note(LogResolved, "%s after it began", span(e.now.Sub(e.StartedAt)))
	}
}

func (e *episode) resolve(by string) {
	e.State, e.ResolvedAt, e.ResolvedBy, e.changed = leadline.IncidentResolved, e.now, by, true
}

// see keeps the newest values of a firing series for the next message that is made for another reason.
func (e *episode) see(i leadline.Instance) {
	a := e.alert(i.Labels)
	if values := finite(i.Values); a != nil && e.live() && a.State == leadline.StateFiring && len(values) > 0 && !maps.Equal(a.Values, values) {
		a.Values, e.touched = values, true
	}
}

func rank(severity string) int {
	return slices.Index([]string{"info", "ticket", severityPage}, severity)
}

func name(l leadline.Labels) string {
	if len(l) == 0 {
		return "It"
	}
	return l.Key()
}

func suffix(detail string) string {
	if detail == "" {
		return ""
	}
	return ": " + detail
}

package ruletest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leadline"
	"leadline/source"
)

// event is one transition: what changed, when, of which instance.
type event struct {
	pos      source.Pos
	change   leadline.Change
	severity string          // wanted: "" takes any
	at       time.Duration   // since the start
	labels   leadline.Labels // wanted: those that are given
	detail   string          // of eval_error
}

var changes = []string{
	string(leadline.ChangeFiring), string(leadline.ChangeLevel), string(leadline.ChangeResolved),
	string(leadline.ChangeNoData), string(leadline.ChangeDataBack), string(leadline.ChangeError),
}

// String is an event as it is written in a test: firing page 7m stage=geoip.
func (e event) String() string {
	words := []string{string(e.change), e.severity, source.FormatDuration(e.at)}
	for _, name := range slices.Sorted(maps.Keys(e.labels)) {
		words = append(words, name+"="+e.labels[name])
	}
	if e.detail != "" {
		words = append(words, "("+e.detail+")")
	}
	return sentence(words...)
}

// is reports whether got is what e wants.
func (e event) is(got event) bool {
	return e.change == got.change && e.at == got.at && (e.severity == "" || e.severity == got.severity) && contains(got.labels, e.labels)
}

// contains reports whether all has every label of some.
func contains(all, some leadline.Labels) bool {
	for name, value := range some {
		if v, ok := all[name]; !ok || v != value {
			return false
		}
	}
	return true
}

func (b *binder) events(s *testSpec, t *test, fallback Alert, ok bool) {
	if s.Events.Pos.IsZero() {
		return
	}
	a := fallback
	switch {
	case ok:
	case !s.Alert.Pos.IsZero():
		return // reported
	case len(t.alerts) == 1:
		a = t.alerts[0]
	default:
		b.fail(s.Events.Pos, "events of which alert?", "add alert: to the test")
		return
	}
	t.expect(a)
	t.events = &events{pos: s.Events.Pos, alert: a}
	for _, text := range s.Events.Value {
		t.events.want = append(t.events.want, b.event(text, a))
	}
}

// event reads what String writes, without the detail.
func (b *binder) event(text source.At[string], a Alert) event {
	e := event{pos: text.Pos, labels: leadline.Labels{}}
	timed := false
	for i, word := range strings.Fields(text.Value) {
		name, value, label := strings.Cut(word, "=")
		at, err := source.ParseDuration(word)
		switch {
		case i == 0:
			if !slices.Contains(changes, word) {
				b.fail(text.Pos, fmt.Sprintf("nothing changes to %q", word), source.Suggest(word, changes))
			}
			e.change = leadline.Change(word)
		case label:
			b.labels(source.Map[source.At[string]]{{Name: source.At[string]{Value: name, Pos: text.Pos}, Value: source.At[string]{Value: value, Pos: text.Pos}}}, a.Rule.Ask.By, e.labels)
		case err == nil:
			e.at, timed = at, true
		default:
			b.severity(source.At[string]{Value: word, Pos: text.Pos}, a)
			e.severity = word
		}
	}
	if !timed {
		b.fail(text.Pos, "the event has no time", "write it like 'firing page 7m', with labels like stage=write behind it")
	}
	return e
}

// compareEvents pairs what was wanted with what came, and says what is left of both in the order of time.
func compareEvents(want, got []event) (diff []string, first *event) {
	type line struct {
		event
		mark string
	}
	var lines []line
	left := slices.Clone(got)
	for i, w := range want {
		at := slices.IndexFunc(left, w.is)
		if at < 0 {
			lines = append(lines, line{w, "- "})
			if first == nil {
				first = &want[i]
			}
			continue
		}
		lines = append(lines, line{left[at], "  "})
		left = slices.Delete(left, at, at+1)
	}
	if len(left) == 0 && first == nil {
		return nil, nil
	}
	for _, g := range left {
		lines = append(lines, line{g, "+ "})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	for _, l := range lines {
		diff = append(diff, l.mark+l.String())
	}
	return diff, first
}

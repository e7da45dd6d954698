package telegram

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"leadline"
)

// composer writes a message line by line.
type composer struct {
	text text
	now  time.Time
	gap  bool // the next line begins a paragraph
}

// compose says what an incident is now. Foreign text is cleaned and cut here, each part by itself.
func compose(n leadline.Notice, now time.Time) text {
	c := &composer{now: now}
	in := n.Incident
	c.head(n)
	switch in.State {
	case leadline.IncidentResolved:
		c.resolved(n)
		c.gap = true
		c.cause(in.Verdict, "Bottleneck was ")
	default:
		if remark := sentence(in.Texts["remark"]); remark != "" {
			c.line(remark)
		}
		if in.State == leadline.IncidentAcked {
			c.line("Acked by ", strong(name(in.AckedBy)), " after "+duration(in.AckedAt.Sub(in.OpenedAt)))
		}
		if o := sentence(in.Texts["objective"]); o != "" {
			c.line("Objective: " + o)
		}
		c.line("Bad for ", strong(duration(now.Sub(started(in)))), ", since "+clock(started(in), now))
		c.alerts(in.Alerts)
		c.gap = true
		c.cause(in.Verdict, "Bottleneck: ")
		c.onCall(in.OnCall)
		c.action(in.Texts["action"])
	}
	return c.text.cut(maxText)
}

// started is when it began to be bad.
func started(in leadline.Incident) time.Time {
	if in.StartedAt.IsZero() {
		return in.OpenedAt
	}
	return in.StartedAt
}

func strong(s string) span { return span{style: bold, text: s} }

// line adds a line of strings and spans.
func (c *composer) line(parts ...any) {
	if len(c.text) > 0 {
		c.add("\n")
	}
	if c.gap {
		c.add("\n")
		c.gap = false
	}
	for _, p := range parts {
		c.add(p)
	}
}

func (c *composer) add(part any) {
	switch p := part.(type) {
	case span:
		c.text = append(c.text, p)
	case string:
		c.text = append(c.text, span{text: p})
	default:
		panic(fmt.Sprintf("BUG: telegram: %T in a message", part))
	}
}

// head is what a lock screen shows.
func (c *composer) head(n leadline.Notice) {
	in := n.Incident
	what := in.Texts["summary"]
	if what == "" {
		what = in.Rule
	}
	severity := name(in.Severity)
	first, size := utf8.DecodeRuneInString(severity)
	severity = string(unicode.ToUpper(first)) + severity[size:]
	dot := "🔴"
	switch {
	case in.State == leadline.IncidentResolved:
		dot, severity = "🟢", "Resolved"
	case in.State == leadline.IncidentAcked:
		dot = "🟠"
	case in.Severity == severityInfo:
		dot = "🔵"
	case in.Severity != severityPage:
		dot = "🟡"
	}
	c.line(fmt.Sprintf("%s %s INC-%d · ", dot, severity, in.ID), strong(sentence(what)))
	if n.Repeat && n.Ref == "" {
		c.add(" (repeat)")
	}
}

const (
	severityPage = "page"
	severityInfo = "info"
)

func (c *composer) resolved(n leadline.Notice) {
	in := n.Incident
	from := started(in)
	c.line("Lasted ", strong(duration(in.ResolvedAt.Sub(from))), ", "+between(from, in.ResolvedAt, c.now))
	c.line("Detected after " + duration(in.OpenedAt.Sub(from)))
	if in.AckedAt.IsZero() {
		c.add(", not acked")
	} else {
		c.add(", acked by ")
		c.add(strong(name(in.AckedBy)))
		c.add(" after " + duration(in.AckedAt.Sub(in.OpenedAt)))
	}
	if in.ResolvedBy == "" {
		c.line("It recovered by itself.")
	} else {
		c.line("Resolved by ", strong(name(in.ResolvedBy)), ".")
	}
	if n.Ref == "" && in.NotifiedAt.IsZero() {
		c.line("It was over before anybody could be told.")
	}
}

// maxListed is how many of a kind are named before the rest is counted.
const maxListed = 3

// alerts names the instances where there is more than one, and says where data is missing.
func (c *composer) alerts(all []leadline.Alert) {
	firing := slices.DeleteFunc(slices.Clone(all), func(a leadline.Alert) bool { return a.State != leadline.StateFiring })
	silent := slices.DeleteFunc(slices.Clone(all), func(a leadline.Alert) bool { return a.State != leadline.StateNoData })
	if len(all) > 1 && len(firing) > 0 {
		c.line(fmt.Sprintf("Firing for %s of %s: %s", count(int64(len(firing))), count(int64(len(all))), instances(firing)))
	}
	switch n := int64(len(silent)); {
	case n == 0:
	case len(all) == 1:
		c.line("No data now. That does not count as recovered.")
	default:
		c.line(fmt.Sprintf("No data for %s of %s: %s. That does not count as recovered.", count(n), count(int64(len(all))), instances(silent)))
	}
}

// instances lists label sets by their values: spring-sale acme, autumn blitz, 2 more.
func instances(alerts []leadline.Alert) string {
	var names []string
	for _, a := range alerts {
		if len(names) == maxListed {
			names = append(names, more(len(alerts)-maxListed))
			break
		}
		var values []string
		for _, k := range slices.Sorted(maps.Keys(a.Labels)) {
			values = append(values, a.Labels[k])
		}
		names = append(names, name(strings.Join(values, " ")))
	}
	return strings.Join(names, ", ")
}

func more(n int) string { return count(int64(n)) + " more" }

// cause is the verdict: the stage to blame and whom it hits.
func (c *composer) cause(v *leadline.Verdict, intro string) {
	if v == nil {
		return
	}
	if b, ok := v.Bottleneck(); ok {
		c.line(intro, strong(name(b.Stage)), fmt.Sprintf(", %s of the slow-down (%s → %s)",
			percent(b.Share), millis(b.BaseMS), millis(b.NowMS)))
	} else if why := sentence(v.Incomplete); why != "" {
		c.line("Bottleneck unknown: " + why)
	}
	if v.P95MS > 0 && v.BaseP95MS > 0 {
		c.line("P95 " + millis(v.P95MS) + ", " + millis(v.BaseP95MS) + " before")
	}
	c.affected("Partner", v.Partners)
	c.affected("Campaign", v.Campaigns)
}

// affected says who has how many of the slow events: Partners hit: acme (940 slow events), blitz (512), 2 more.
func (c *composer) affected(noun string, all []leadline.Affected) {
	all = slices.DeleteFunc(slices.Clone(all), func(a leadline.Affected) bool { return a.Slow <= 0 })
	if len(all) == 0 {
		return
	}
	c.line(plural(int64(len(all)), noun)+" hit: ", strong(name(all[0].Name)), " ("+quantity(all[0].Slow, "slow event")+")")
	for _, a := range all[1:min(maxListed, len(all))] {
		c.add(", " + name(a.Name) + " (" + count(a.Slow) + ")")
	}
	if rest := len(all) - maxListed; rest > 0 {
		c.add(", " + more(rest))
	}
}

func (c *composer) onCall(p leadline.Person) {
	switch {
	case p.Name == "" && p.TelegramID == 0:
	case p.TelegramID == 0:
		c.line("On call: ", strong(name(p.Name)))
	default:
		c.line("On call: ", span{style: mention, text: name(p.Name), user: p.TelegramID})
	}
}

// action is what the rule's author says to do; its line breaks stay.
func (c *composer) action(what string) {
	var lines []string
	for line := range strings.Lines(shorten(what, maxAction)) {
		if line = clean(line); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 0 {
		c.gap = true
		c.line(strong("What to do"))
		c.line(span{style: quote, text: strings.Join(lines, "\n")})
	}
}

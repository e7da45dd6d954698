package backtest

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"leadline"
	"leadline/source"
)

// width is the terminal that the text is made for.
const width = 100

const (
	short = "Mon 02 Jan 15:04"
	exact = "Mon 02 Jan 15:04:05"
)

// page collects lines; the first error of the writer ends it.
type page struct {
	w   io.Writer
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

// Write tells what fired, for people. Times are in UTC.
func (r *Report) Write(w io.Writer) error {
	p := &page{w: w}
	p.line("%s to %s UTC, %s", r.From.Format(short), r.To.Format(short), about(r.To.Sub(r.From)))
	p.line("")
	p.line("%-42s %5s %5s %7s %5s %9s %9s %9s", "RULE", "FIRED", "PAGES", "TICKETS", "FLAPS", "FIRING", "PENDING", "NO DATA")
	for i := range r.Rules {
		p.rule(&r.Rules[i])
	}
	p.line("")
	p.people(r.People)
	return p.err
}

func (p *page) rule(r *Rule) {
	if r.Skipped != "" {
		p.line("%-42s skipped", clip(r.Full(), 42))
		p.wrap("  ", r.Skipped)
		return
	}
	p.line("%-42s %5s %5s %7s %5s %9s %9s %9s", clip(r.Full(), 42), number(r.Firings), number(r.Pages), number(r.Tickets), number(r.Flaps),
		span(r.Time[leadline.StateFiring]), span(r.Time[leadline.StatePending]), span(r.Time[leadline.StateNoData]))
	if l := r.Longest; l != nil {
		p.wrap("  ", fmt.Sprintf("first %s, last %s, longest %s from %s%s", r.First.Format(short), r.Last.Format(short), about(l.Took()), l.At.Format(short), of(l.Series)))
	}
	for _, key := range r.Flapping {
		p.wrap("  ", "flapping"+of(key))
	}
	if r.Errors > 0 {
		p.wrap("  ", fmt.Sprintf("could not be judged in %d slots: %s", r.Errors, r.Error))
	}
}

func (p *page) people(people []Duty) {
	if len(people) == 0 {
		p.line("Nobody would have been paged.")
		return
	}
	p.line("%-42s %5s  %s", "PAGED", "PAGES", "AT NIGHT (22:00 to 08:00 of the schedule's clock)")
	for _, d := range people {
		name := d.Person
		if name == "" {
			name = "(nobody on call)"
		}
		p.line("%-42s %5s  %s", clip(name, 42), number(d.Pages), number(d.Night))
	}
}

// WriteEvents lists all transitions.
func (r *Report) WriteEvents(w io.Writer) error {
	p := &page{w: w}
	for i := range r.Events {
		t := &r.Events[i]
		p.line("%s  %-10s %-6s %s", t.Slot.UTC().Format(exact), t.Change, t.Severity, clip(t.Group+"/"+t.Rule, width-39))
		p.wrap("    ", strings.Join(slices.DeleteFunc([]string{series(t.Labels), values(t.Values)}, func(s string) bool { return s == "" }), "  "))
		p.wrap("    ", t.Annotations["summary"])
		if t.Change != leadline.ChangeResolved || t.Detail != "recovered" {
			p.wrap("    ", t.Detail)
		}
	}
	return p.err
}

// Write tells what would change, for people.
func (d *Difference) Write(w io.Writer) error {
	p := &page{w: w}
	same := 0
	for i := range d.Rules {
		r := &d.Rules[i]
		if r.Same() {
			same++
			continue
		}
		p.line("%s", r.Name)
		p.wrap("  ", r.sentence())
		p.incidents("  gained ", r.Gained)
		p.incidents("  lost   ", r.Lost)
		p.incidents("  louder ", r.Louder)
		p.incidents("  quieter", r.Quieter)
	}
	switch {
	case same == len(d.Rules):
		p.line("All %d rules do the same.", same)
	case same > 0:
		p.line("%d other rules do the same.", same)
	}
	p.line("In all: %s.", changed(d.Pages, "page", "pages"))
	return p.err
}

func (p *page) incidents(head string, all []Incident) {
	for _, i := range all {
		p.line("%s %-6s %s  %s", head, i.Severity, i.Opened.UTC().Format(short), about(i.Until.Sub(i.Opened)))
	}
}

// sentence is such as "3 pages fewer, 1 ticket more, misses the one of Tue 17 Nov 14:05".
func (d *RuleDifference) sentence() string {
	var parts []string
	switch {
	case d.Before == nil:
		parts = append(parts, "only in the other set")
	case d.After == nil:
		parts = append(parts, "not in the other set")
	}
	for _, c := range []struct {
		n         int
		one, many string
	}{{d.Pages, "page", "pages"}, {d.Tickets, "ticket", "tickets"}, {d.Firings, "firing", "firings"}, {d.Flaps, "flap", "flaps"}} {
		if c.n != 0 {
			parts = append(parts, changed(c.n, c.one, c.many))
		}
	}
	if f := time.Duration(d.Firing); f > 0 {
		parts = append(parts, "fires "+about(f)+" longer")
	} else if f < 0 {
		parts = append(parts, "fires "+about(-f)+" less")
	}
	parts = append(parts, listed("finds ", d.Gained), listed("misses ", d.Lost), listed("pages for ", d.Louder), listed("no longer pages for ", d.Quieter))
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}

// listed names one incident, or counts them.
func listed(does string, all []Incident) string {
	switch len(all) {
	case 0:
		return ""
	case 1:
		return does + "the one of " + all[0].Opened.UTC().Format(short)
	default:
		return does + strconv.Itoa(len(all)) + " of them"
	}
}

func changed(n int, one, many string) string {
	what := many
	if n == 1 || n == -1 {
		what = one
	}
	switch {
	case n > 0:
		return fmt.Sprintf("%d %s more", n, what)
	case n < 0:
		return fmt.Sprintf("%d %s fewer", -n, what)
	default:
		return "as many " + many
	}
}

// wrap writes words below each other, indented, none where there are none.
func (p *page) wrap(indent, text string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(indent+line+" "+word) > width {
			p.line("%s%s", indent, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		p.line("%s%s", indent, clip(line, width-len(indent)))
	}
}

func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

func of(key string) string {
	if key == "" {
		return ""
	}
	return " of {" + key + "}"
}

func series(l leadline.Labels) string {
	if len(l) == 0 {
		return ""
	}
	return "{" + l.Key() + "}"
}

func values(v map[string]float64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		parts = append(parts, name+"="+strconv.FormatFloat(v[name], 'g', 6, 64))
	}
	return strings.Join(parts, " ")
}

func number(n int) string {
	if n == 0 {
		return "–"
	}
	return strconv.Itoa(n)
}

func span(s Span) string {
	if s == 0 {
		return "–"
	}
	return about(time.Duration(s))
}

// about is a duration by its two largest units.
func about(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 24*time.Hour:
		return source.FormatDuration(d.Round(time.Hour))
	case d >= time.Hour:
		return source.FormatDuration(d.Round(time.Minute))
	default:
		return source.FormatDuration(d)
	}
}

// firing is the time that a rule's series fired.
func (r *Rule) firing() Span { return r.Time[leadline.StateFiring] }

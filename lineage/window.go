package lineage

import (
	"strings"
	"time"

	"leadline"
)

const (
	// margin goes before the first bad slot: a rule notices a fault some seconds after it began.
	margin = 20 * time.Second
	// longest bounds the slow window: what is slow now matters, not what was hours ago.
	longest = 30 * time.Minute
	// baseline is the length of the normal window: shorter than the day's rhythm, long enough for a quiet partner.
	baseline = time.Hour
)

// Window is what Explain compares: the slow [From, To) with the normal [BaseFrom, BaseTo) before it, by the time at
// which events were complete. Filter keeps the events of one partner, bot, campaign, type and country, as far as it
// names them; other labels, stage among them, do not narrow it.
type Window struct {
	From, To         time.Time
	BaseFrom, BaseTo time.Time
	Filter           leadline.Labels
}

// WindowFor chooses the windows for a slow-down that was first seen in a slot and is looked at now.
func WindowFor(started, now time.Time, filter leadline.Labels) Window {
	begin := started.Add(-margin)
	from := begin
	if oldest := now.Add(-longest); from.Before(oldest) {
		from = oldest
	}
	return Window{From: from, To: now, BaseFrom: begin.Add(-baseline), BaseTo: begin, Filter: filter}
}

// dimensions are the labels that are columns of journeys.
var dimensions = []string{"partner", "bot", "campaign", "type", "country"}

func (w Window) params() map[string]any {
	p := map[string]any{"from": w.From, "to": w.To, "base_from": w.BaseFrom, "base_to": w.BaseTo}
	for _, d := range dimensions {
		values := []string{}
		if v, ok := w.Filter[d]; ok {
			values = append(values, v)
		}
		p[d] = values
	}
	return p
}

func used(text string, params map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range params {
		if strings.Contains(text, "{"+name+":") {
			out[name] = v
		}
	}
	return out
}

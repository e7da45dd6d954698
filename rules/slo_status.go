package rules

import (
	"strings"
	"time"

	"leadline"
	"leadline/rules/budget"
)

// SLOStatus is where an objective stands.
type SLOStatus struct {
	Name      string      `json:"name"`
	Service   string      `json:"service,omitempty"`
	Objective float64     `json:"objective"` // percent
	Period    string      `json:"period"`    // 30d, 1M Europe/Kyiv or campaign 6h
	Slot      time.Time   `json:"slot,omitzero"`
	Series    []SLOSeries `json:"series"`
}

// SLOSeries is the budget of one series. What is not known, because nothing happened, is left out.
type SLOSeries struct {
	Labels   leadline.Labels    `json:"labels"`
	State    leadline.State     `json:"state"`
	Severity string             `json:"severity,omitempty"`
	Left     *float64           `json:"budget_left,omitempty"` // share of the period's budget, below 0: overspent
	Burns    map[string]float64 `json:"burn"`                  // by window: 1h
	EmptyIn  *float64           `json:"empty_in,omitempty"`    // seconds at this burn
	Budget   string             `json:"budget"`                // in words
	Hints    []string           `json:"hints,omitempty"`       // what the series' traffic makes of the objective
}

// SLOs are the objectives of all groups, as the newest slot of each left them.
func (e *Engine) SLOs() []SLOStatus {
	out := []SLOStatus{}
	for _, r := range e.users() {
		r.mu.Lock()
		burns, kept := r.burns, r.kept
		r.mu.Unlock()
		for _, rule := range burns {
			out = append(out, sloStatus(rule, &kept))
		}
	}
	return out
}

func sloStatus(rule *Rule, kept *Memory) SLOStatus {
	o := rule.Objective
	s := SLOStatus{
		Name: rule.Name, Service: rule.Labels["service"], Objective: o.Target.Percent(), Period: o.Period.String(),
		Slot: kept.slot, Series: []SLOSeries{},
	}
	for _, i := range kept.Instances(rule.Name) {
		s.Series = append(s.Series, sloSeries(o, i))
	}
	return s
}

func sloSeries(o *budget.Objective, i leadline.Instance) SLOSeries {
	s := SLOSeries{Labels: i.Labels, State: i.State, Severity: i.Severity, Burns: map[string]float64{}, Budget: o.Words(i.Values), Hints: o.Hints(i.Values)}
	for name, v := range i.Values {
		if w, ok := strings.CutPrefix(name, budget.BurnPrefix); ok {
			s.Burns[w] = v
		}
	}
	if left, ok := i.Values[budget.Left]; ok {
		s.Left = &left
	}
	if t := o.Standing(i.Values); t.Burn > 0 && t.Empty < o.Period.Length {
		seconds := t.Empty.Seconds()
		s.EmptyIn = &seconds
	}
	return s
}

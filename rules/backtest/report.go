package backtest

import (
	"math"
	"strconv"
	"time"

	"leadline"
)

// Report is what a set of rules did over a time.
type Report struct {
	From   time.Time             `json:"from"`
	To     time.Time             `json:"to"`
	Rules  []Rule                `json:"rules"`            // in the order of the files
	People []Duty                `json:"people,omitempty"` // most pages first
	Events []leadline.Transition `json:"events"`           // by time
}

// Rule is what one rule did.
type Rule struct {
	Group     string                  `json:"group"`
	Name      string                  `json:"rule"`
	Skipped   string                  `json:"skipped,omitempty"`  // why it was not played
	Series    int                     `json:"series"`             // label sets that it saw
	Firings   int                     `json:"firings"`            // of its series
	Pages     int                     `json:"pages"`              // how often its incident rang as a page
	Tickets   int                     `json:"tickets"`            // how often it opened as a ticket
	Flaps     int                     `json:"flaps"`              // firings within 10 minutes of the same series' end
	Flapping  []string                `json:"flapping,omitempty"` // series with 4 changes or more within an hour
	Errors    int                     `json:"errors,omitempty"`   // slots in which it could not be judged
	Error     string                  `json:"error,omitempty"`    // the first of them
	Time      map[leadline.State]Span `json:"time_in_state"`      // of all its series together
	Incidents []Incident              `json:"incidents,omitempty"`
	Longest   *Firing                 `json:"longest,omitempty"`
	First     time.Time               `json:"first,omitzero"` // firing
	Last      time.Time               `json:"last,omitzero"`
}

// Full is the rule's name within all groups.
func (r *Rule) Full() string { return r.Group + "/" + r.Name }

// Span is a duration that is written in seconds.
type Span time.Duration

// MarshalJSON writes seconds.
func (s Span) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads seconds.
func (s *Span) UnmarshalJSON(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	*s = Span(math.Round(v * float64(time.Second)))
	return err
}

// Firing is a series from the slot at which it fired until that at which it was over, or the end of the time.
type Firing struct {
	Series string    `json:"series"` // key of its labels
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`
}

// Took is how long it fired.
func (f Firing) Took() time.Duration { return f.Until.Sub(f.At) }

// Incident is the time in which at least one series of a rule fired, or was without data since it fired.
type Incident struct {
	Opened   time.Time `json:"opened"`
	Until    time.Time `json:"until"`
	Severity string    `json:"severity"` // the worst
	Open     bool      `json:"open,omitempty"`
}

// Duty is how often a person would have been paged.
type Duty struct {
	Person string `json:"person"` // "" where nobody was on call
	Pages  int    `json:"pages"`
	Night  int    `json:"night"` // of them between 22:00 and 08:00 of the schedule's clock
}

package measure

import (
	"cmp"
	"time"

	"leadline"
)

// Measure is a named number of one source over one window.
type Measure struct {
	Name     string
	Source   Source
	Window   time.Duration
	Begin    func(end time.Time) time.Time // nil: the window begins Window before its end; else then, at most Window before
	Kind     Kind
	Level    float64   // Quantile: 0.95 for P95
	Of       string    // Quantile: the field; Schema: UnknownFields or Rejected
	Where    Predicate // of what is counted; Ratio: of the numerator
	Den      Predicate // Ratio: of the denominator
	Baseline *Baseline // nil: the window alone

	fleeting bool // Window has this length at one moment only
}

// Kind says how a measure is computed.
type Kind int

// The kinds of measures.
const (
	Quantile Kind = iota // NaN without rows
	Count                // 0 without rows
	Ratio                // NaN where the denominator is 0
	Age                  // milliseconds from the newest row to the end of the window; NaN without rows
)

// What is counted of the source Schema. A ratio is of that to all items.
const (
	UnknownFields = "unknown_fields" // items with a field that nobody declared, whether taken or not
	Rejected      = "rejected"       // items whose fields were missing, wrong or too many
)

// Baseline compares a window with the same window of earlier seasons.
type Baseline struct {
	Season  time.Duration // such as 7d
	Periods int           // how many seasons back
	Stat    Stat
}

// Stat is what a baseline says.
type Stat string

// The stats of a baseline.
const (
	Median  Stat = "median"   // of the earlier windows
	RobustZ Stat = "robust_z" // (now − median) / (1.4826 · MAD)
)

// Custom is a query of the user's own. Its string columns are labels, its column value is the one measure.
type Custom struct {
	SQL      string
	Window   time.Duration
	Timeout  time.Duration
	MaxBytes int64
}

// Ask is what one rule wants to know at a slot.
type Ask struct {
	Name     string        // group/rule: how its own queries are named in system.query_log
	Measures []Measure     // in the order of Row.Values
	By       []string      // labels that tell series apart
	Interval time.Duration // between slots
	Expect   time.Duration // series seen within this time before the end have a row, even without events; 0: only those with events
	Custom   *Custom       // instead of what the measures say; then there is one Measure, named value
}

// Longest is the longest window of the measures. That of an age only says how far back to look; it counts where there is
// nothing else, and then as an hour at most.
func (a *Ask) Longest() time.Duration {
	var w, age time.Duration
	for i := range a.Measures {
		if m := &a.Measures[i]; m.Kind == Age {
			age = max(age, min(m.Window, time.Hour))
		} else {
			w = max(w, m.Window)
		}
	}
	return cmp.Or(w, age)
}

// Row is one series and its values. Rows of different asks may share Labels and Key: nobody changes them.
type Row struct {
	Labels leadline.Labels
	Key    string      // Labels.Key()
	Values []float64   // one a measure, NaN where there is none; of a baseline the present window
	Past   [][]float64 // one a measure, nil without a baseline: the same window one season earlier, two …, NaN where there was nothing
}

// Answers are what was found out about some asks at one moment.
type Answers interface {
	// Rows are the series of an ask, sorted by key, or why there are none.
	Rows(a *Ask) ([]Row, error)
}

package rules

import (
	"time"

	"leadline/rules/budget"
	"leadline/source"
)

// The shapes of the YAML, with the defaults of a group.

type groupSpec struct {
	Interval    source.Duration               `yaml:"interval"`
	QueryOffset source.Duration               `yaml:"query_offset"`
	Limit       source.At[int]                `yaml:"limit"`
	Labels      source.Map[source.At[string]] `yaml:"labels"`
	Rules       []ruleSpec                    `yaml:"rules,required"`
}

func defaultGroup() groupSpec {
	return groupSpec{
		Interval:    source.Duration{Value: 30 * time.Second},
		QueryOffset: source.Duration{Value: 5 * time.Second},
		Limit:       source.At[int]{Value: 500},
	}
}

// defaultNoData is how long values must be absent where a rule does not say.
const defaultNoData = 10 * time.Minute

type ruleSpec struct {
	Pos           source.Pos
	Alert         source.At[string]             `yaml:"alert,required"`
	Measure       source.Map[measureSpec]       `yaml:"measure"`
	SQL           source.At[string]             `yaml:"sql"`
	Window        source.Duration               `yaml:"window"`
	Settings      settingsSpec                  `yaml:"settings"`
	By            []source.At[string]           `yaml:"by"`
	Series        seriesSpec                    `yaml:"series"`
	MinSamples    source.Map[source.At[int]]    `yaml:"min_samples"`
	Expr          source.Expr                   `yaml:"expr"`
	Levels        []levelSpec                   `yaml:"levels"`
	RecoverExpr   source.Expr                   `yaml:"recover_expr"`
	For           source.Duration               `yaml:"for"`
	KeepFiringFor source.Duration               `yaml:"keep_firing_for"`
	NoData        noDataSpec                    `yaml:"no_data"`
	Labels        source.Map[source.At[string]] `yaml:"labels"`
	Annotations   source.Map[source.Passage]    `yaml:"annotations"`

	objective *budget.Objective // of a SLO's burn rule
	expect    time.Duration     // Ask.Expect
}

type levelSpec struct {
	Severity source.At[string] `yaml:"severity,required"`
	Expr     source.Expr       `yaml:"expr,required"`

	labels      source.Map[source.At[string]] // of a SLO's page or ticket
	annotations source.Map[source.Passage]
}

type noDataSpec struct {
	For source.Duration `yaml:"for,required"`
}

type seriesSpec struct {
	Pos    source.Pos
	Expect source.At[string] `yaml:"expect,required"`
}

// settingsSpec has ClickHouse's own names and units.
type settingsSpec struct {
	Pos              source.Pos
	MaxExecutionTime source.At[int]   `yaml:"max_execution_time"` // seconds
	MaxBytesToRead   source.At[int64] `yaml:"max_bytes_to_read"`
}

type measureSpec struct {
	Pos      source.Pos
	Quantile source.At[float64] `yaml:"quantile"`
	Of       source.At[string]  `yaml:"of"`
	Count    source.At[string]  `yaml:"count"`
	Ratio    ratioSpec          `yaml:"ratio"`
	Age      source.At[string]  `yaml:"age"`
	Schema   source.At[string]  `yaml:"schema"`
	Where    source.Expr        `yaml:"where"`
	Window   source.Duration    `yaml:"window"`
	Baseline baselineSpec       `yaml:"baseline"`

	begin func(end time.Time) time.Time // Measure.Begin
}

type baselineSpec struct {
	Pos     source.Pos
	Season  source.Duration   `yaml:"season,required"`
	Periods source.At[int]    `yaml:"periods,required"`
	Stat    source.At[string] `yaml:"stat,required"`
}

type ratioSpec struct {
	Pos source.Pos
	Num countSpec `yaml:"num,required"`
	Den countSpec `yaml:"den,required"`
}

type countSpec struct {
	Count source.At[string] `yaml:"count,required"`
	Where source.Expr       `yaml:"where"`
}

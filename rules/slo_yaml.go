package rules

import (
	"time"

	"leadline/source"
)

// The shapes of a SLO's YAML, with their defaults.

type sloSpec struct {
	Service     source.At[string]                        `yaml:"service"`
	Description source.At[string]                        `yaml:"description"`
	Objective   source.At[float64]                       `yaml:"objective,required"` // percent
	Period      source.Either[time.Duration, periodSpec] `yaml:"period,required"`
	Budgeting   source.Either[string, budgetingSpec]     `yaml:"budgeting"`
	SLI         sliSpec                                  `yaml:"sli,required"`
	By          []source.At[string]                      `yaml:"by"`
	Interval    source.Duration                          `yaml:"interval"`
	Limit       source.At[int]                           `yaml:"limit"`
	Alerting    alertingSpec                             `yaml:"alerting"`
}

type periodSpec struct {
	Calendar source.At[string] `yaml:"calendar"`
	TimeZone source.At[string] `yaml:"timeZone"`
	Campaign source.Duration   `yaml:"campaign"`
}

// budgetingSpec is read to be refused at its place.
type budgetingSpec struct {
	Timeslices source.Map[source.At[string]] `yaml:"timeslices"`
}

type sliSpec struct {
	Pos     source.Pos
	Latency latencySpec `yaml:"latency"`
	Events  eventsSpec  `yaml:"events"`
}

type latencySpec struct {
	Pos       source.Pos
	Of        source.At[string]  `yaml:"of,required"`
	Threshold source.At[float64] `yaml:"threshold,required"` // milliseconds
	Where     source.Expr        `yaml:"where"`
}

type eventsSpec struct {
	Pos   source.Pos
	Of    source.At[string] `yaml:"of,required"`
	Bad   source.Expr       `yaml:"bad,required"`
	Total source.Expr       `yaml:"total"`
}

type alertingSpec struct {
	Windows  source.Either[string, []pairSpec] `yaml:"windows"`
	MinBad   source.At[int]                    `yaml:"min_bad_events"`
	MinTotal source.At[int]                    `yaml:"min_samples"`
	Absent   source.At[bool]                   `yaml:"absent"`
	Page     alertSpec                         `yaml:"page"`
	Ticket   alertSpec                         `yaml:"ticket"`
}

type pairSpec struct {
	Pos      source.Pos
	Severity source.At[string]  `yaml:"severity,required"`
	Budget   source.At[float64] `yaml:"budget,required"` // percent of the period's
	Long     source.Duration    `yaml:"long,required"`
	Short    source.Duration    `yaml:"short,required"`
}

type alertSpec struct {
	Labels      source.Map[source.At[string]] `yaml:"labels"`
	Annotations source.Map[source.Passage]    `yaml:"annotations"`
}

func defaultSLO() sloSpec {
	return sloSpec{
		Limit: source.At[int]{Value: 500},
		Alerting: alertingSpec{
			MinBad:   source.At[int]{Value: 10},
			MinTotal: source.At[int]{Value: 300},
		},
	}
}

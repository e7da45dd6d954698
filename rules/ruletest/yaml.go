package ruletest

import "leadline/source"

// Kind is the kind of the documents that Parse reads.
const Kind = "RuleTest"

// The shapes of the YAML.

type suiteSpec struct {
	RuleFiles []source.At[string] `yaml:"rule_files,required"`
	Start     source.At[string]   `yaml:"start"`
	Tests     []testSpec          `yaml:"tests,required"`
}

type testSpec struct {
	Pos    source.Pos
	Name   source.At[string]              `yaml:"name,required"`
	Alert  source.At[string]              `yaml:"alert"`
	Series []seriesSpec                   `yaml:"series,required"`
	At     []checkSpec                    `yaml:"at"`
	Events source.At[[]source.At[string]] `yaml:"events"`
}

type seriesSpec struct {
	Pos     source.Pos
	Labels  source.Map[source.At[string]] `yaml:"labels"`
	Measure source.At[string]             `yaml:"measure,required"`
	Values  source.Passage                `yaml:"values,required"`
	Past    source.Passage                `yaml:"past"`
}

type checkSpec struct {
	Pos   source.Pos
	T     source.Duration       `yaml:"t,required"`
	Alert source.At[string]     `yaml:"alert"`
	Want  source.At[[]wantSpec] `yaml:"want,required"`
}

type wantSpec struct {
	Pos         source.Pos
	Labels      source.Map[source.At[string]]  `yaml:"labels"`
	State       source.At[string]              `yaml:"state,required"`
	Severity    source.At[string]              `yaml:"severity"`
	Annotations source.Map[source.At[string]]  `yaml:"annotations"`
	Values      source.Map[source.At[float64]] `yaml:"values"`
}

package foreign

import "leadline/source"

// openHead is a document of OpenSLO v1, as far as it is read.
type openHead[T any] struct {
	APIVersion source.At[string] `yaml:"apiVersion,required"`
	Kind       source.At[string] `yaml:"kind,required"`
	Metadata   openMetadata      `yaml:"metadata,required"`
	Spec       T                 `yaml:"spec,required"`
}

type openMetadata struct {
	Name        source.At[string]             `yaml:"name,required"`
	DisplayName source.At[string]             `yaml:"displayName"`
	Labels      source.Map[source.At[string]] `yaml:"labels"`
	Annotations source.Ignored                `yaml:"annotations"`
}

type openSLOSpec struct {
	Description   source.At[string] `yaml:"description"`
	Service       source.At[string] `yaml:"service"`
	Indicator     openIndicator     `yaml:"indicator"`
	IndicatorRef  source.At[string] `yaml:"indicatorRef"`
	TimeWindow    []openWindow      `yaml:"timeWindow"`
	Budgeting     source.At[string] `yaml:"budgetingMethod"`
	Objectives    []openObjective   `yaml:"objectives,required"`
	AlertPolicies []openPolicyRef   `yaml:"alertPolicies"`
}

type openIndicator struct {
	Pos      source.Pos
	Metadata openMetadata  `yaml:"metadata"`
	Spec     openIndicates `yaml:"spec,required"`
}

type openIndicates struct {
	Pos         source.Pos
	Description source.At[string] `yaml:"description"`
	Ratio       openRatio         `yaml:"ratioMetric"`
	Threshold   openMetric        `yaml:"thresholdMetric"`
}

type openRatio struct {
	Pos     source.Pos
	Counter source.At[bool]   `yaml:"counter"`
	Good    openMetric        `yaml:"good"`
	Bad     openMetric        `yaml:"bad"`
	Total   openMetric        `yaml:"total"`
	RawType source.At[string] `yaml:"rawType"`
	Raw     openMetric        `yaml:"raw"`
}

type openMetric struct {
	Pos    source.Pos
	Source struct {
		Ref  source.At[string]          `yaml:"metricSourceRef"`
		Type source.At[string]          `yaml:"type"`
		Spec source.Map[source.Passage] `yaml:"spec,required"`
	} `yaml:"metricSource,required"`
}

type openWindow struct {
	Pos      source.Pos
	Duration source.At[string] `yaml:"duration,required"`
	Rolling  source.At[bool]   `yaml:"isRolling"`
	Calendar struct {
		Start source.At[string] `yaml:"startTime"`
		Zone  source.At[string] `yaml:"timeZone"`
	} `yaml:"calendar"`
}

type openObjective struct {
	Pos           source.Pos
	DisplayName   source.At[string]  `yaml:"displayName"`
	Op            source.At[string]  `yaml:"op"`
	Value         source.At[float64] `yaml:"value"`
	Target        source.At[float64] `yaml:"target"`
	TargetPercent source.At[float64] `yaml:"targetPercent"`
	SliceTarget   source.At[float64] `yaml:"timeSliceTarget"`
	SliceWindow   source.At[string]  `yaml:"timeSliceWindow"`
	Indicator     openIndicator      `yaml:"indicator"`
	IndicatorRef  source.At[string]  `yaml:"indicatorRef"`
}

type openPolicyRef struct {
	Pos      source.Pos
	Ref      source.At[string] `yaml:"alertPolicyRef"`
	Kind     source.At[string] `yaml:"kind"`
	Metadata openMetadata      `yaml:"metadata"`
	Spec     openPolicy        `yaml:"spec"`
}

type openPolicy struct {
	Description source.At[string]  `yaml:"description"`
	OnBreach    source.At[bool]    `yaml:"alertWhenBreaching"`
	OnNoData    source.At[bool]    `yaml:"alertWhenNoData"`
	OnResolved  source.At[bool]    `yaml:"alertWhenResolved"`
	Conditions  []openConditionRef `yaml:"conditions"`
	Targets     source.Ignored     `yaml:"notificationTargets"`
}

type openConditionRef struct {
	Pos      source.Pos
	Ref      source.At[string] `yaml:"conditionRef"`
	Kind     source.At[string] `yaml:"kind"`
	Metadata openMetadata      `yaml:"metadata"`
	Spec     openCondition     `yaml:"spec"`
}

type openCondition struct {
	Pos         source.Pos
	Description source.At[string] `yaml:"description"`
	Severity    source.At[string] `yaml:"severity"`
	Condition   struct {
		Pos       source.Pos
		Kind      source.At[string]  `yaml:"kind"`
		Op        source.At[string]  `yaml:"op"`
		Threshold source.At[float64] `yaml:"threshold"`
		Lookback  source.Duration    `yaml:"lookbackWindow"`
		After     source.Duration    `yaml:"alertAfter"`
	} `yaml:"condition"`
}

package foreign

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	measures "leadline/rules/measure"
)

const (
	events = string(measures.Events)
	spans  = string(measures.Spans)
)

// fields are the labels of a source.
func fields(source string) []string { return measures.Source(source).Labels() }

// times are the fields of a source that are durations in milliseconds, its usual one first.
func times(source string) []string { return measures.Source(source).Numbers() }

// Target is what a metric counts or measures in Leadline.
type Target struct {
	Source string // event or span
	Field  string // the duration in a histogram's buckets
	Where  string // an expression that only the counted ones fulfil, "" for all
}

// ParseTarget reads a --map: METRIC=event|span[:FIELD][?WHERE].
func ParseTarget(s string) (metric string, t Target, err error) {
	const form = "write it like leads_total=event, geo_seconds=span:duration_ms or leads_failed_total='event?worst != \"ok\"'"
	metric, rest, ok := strings.Cut(s, "=")
	if !ok || metric == "" || strings.ContainsAny(metric, " {}\"") || strings.ContainsFunc(s, unicode.IsControl) {
		return "", t, fmt.Errorf("%q maps no metric: %s", s, form)
	}
	rest, t.Where, _ = strings.Cut(rest, "?")
	t.Source, t.Field, ok = strings.Cut(rest, ":")
	known := times(t.Source)
	switch {
	case known == nil:
		return "", t, fmt.Errorf("%q: there is no %q to count, only event and span: %s", s, t.Source, form)
	case !ok:
		t.Field = known[0]
	case !slices.Contains(known, t.Field):
		return "", t, fmt.Errorf("%q: %s has no duration %q, only %s", s, t.Source, t.Field, strings.Join(known, ", "))
	}
	return metric, t, nil
}

// Table says what metrics count, by their names without _bucket, _count and _sum.
type Table map[string]Target

// usual are the metrics whose meaning is the same wherever they are used. An HTTP request to an intake is an event; a
// traced operation is a stage.
var usual = Table{
	"leadline_events_stored_total":         {Source: events, Field: "e2e_ms"},
	"leadline_partner_events_stored_total": {Source: events, Field: "e2e_ms"},
	"leadline_event_age_seconds":           {Source: events, Field: "e2e_ms"},
	"leadline_http_requests_total":         {Source: events, Field: "e2e_ms"},
	"http_requests_total":                  {Source: events, Field: "e2e_ms"},
	"http_request_duration_seconds":        {Source: events, Field: "e2e_ms"},
	"http_server_request_duration_seconds": {Source: events, Field: "e2e_ms"}, // OpenTelemetry's semantic convention
	"http_server_requests_seconds":         {Source: events, Field: "e2e_ms"}, // Micrometer
	"traces_span_metrics_calls_total":      {Source: spans, Field: "duration_ms"},
	"traces_span_metrics_duration_seconds": {Source: spans, Field: "duration_ms"},
	"traces_spanmetrics_calls_total":       {Source: spans, Field: "duration_ms"},
	"traces_spanmetrics_latency":           {Source: spans, Field: "duration_ms"},
}

// Usual are the metrics that need no --map, one `METRIC=SOURCE:FIELD` each, sorted.
func Usual() []string {
	var out []string
	for name, t := range usual {
		out = append(out, name+"="+t.Source+":"+t.Field)
	}
	slices.Sort(out)
	return out
}

// suffixes of the series of a histogram or summary.
const (
	suffixBucket = "_bucket"
	suffixCount  = "_count"
	suffixSum    = "_sum"
)

// find is the target of a series and the suffix that made it one of a histogram.
func (t Table) find(series string) (target Target, suffix string, ok bool) {
	for _, table := range []Table{t, usual} {
		if target, ok := table[series]; ok {
			return target, "", true
		}
		for _, suffix := range []string{suffixBucket, suffixCount, suffixSum} {
			if base, cut := strings.CutSuffix(series, suffix); cut {
				if target, ok := table[base]; ok {
					return target, suffix, true
				}
			}
		}
	}
	return Target{}, "", false
}

// unit is the length of 1 in a metric of durations, by Prometheus' naming; its base unit is the second.
func unit(series string) (u time.Duration, named bool) {
	for _, suffix := range []string{suffixBucket, suffixCount, suffixSum} {
		series = strings.TrimSuffix(series, suffix)
	}
	for _, x := range []struct {
		size  time.Duration
		names []string
	}{
		{time.Second, []string{"_seconds", "_second", "_secs", "_s"}},
		{time.Millisecond, []string{"_milliseconds", "_millis", "_msec", "_ms"}},
		{time.Microsecond, []string{"_microseconds", "_micros", "_usec", "_us"}},
	} {
		for _, n := range x.names {
			if strings.HasSuffix(series, n) {
				return x.size, true
			}
		}
	}
	return time.Second, series == "traces_spanmetrics_latency"
}

package foreign_test

import (
	"encoding/json"
	"strings"
	"testing"

	"leadline/rules/foreign"
)

// one imports one alert with an expression.
func one(t failer, expr string) foreign.Result {
	t.Helper()
	quoted, err := json.Marshal(expr) // a JSON text is a YAML text
	if err != nil {
		t.Fatal(err)
	}
	file := "groups:\n- name: g\n  rules:\n" +
		"  - {record: 'errors:ratio', expr: 'sum by (partner) (rate(leads_failed_total[5m])) / sum by (partner) (rate(leads_total[5m]))'}\n" +
		"  - {record: 'leads:count', expr: 'sum by (partner) (increase(leads_total[5m]))'}\n" +
		"  - {record: 'circle', expr: 'circle'}\n" +
		"  - {record: 'twice', expr: 'sum(increase(leads_total[5m]))', labels: {window: 5m}}\n" +
		"  - {record: 'twice', expr: 'sum(increase(leads_total[1h]))', labels: {window: 1h}}\n" +
		"  - {alert: A, labels: {severity: page}, expr: " + string(quoted) + "}\n"
	r, err := foreign.Import(foreign.Prometheus, []foreign.File{{Name: "f", Data: []byte(file)}}, table(t))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told are the notes, without those on recording rules.
func told(r foreign.Result) string {
	var out []string
	for _, n := range r.Notes {
		if !strings.HasSuffix(n.What, "is not needed") {
			out = append(out, n.What)
		}
	}
	return strings.Join(out, "; ")
}

func TestExpressions(t *testing.T) {
	t.Parallel()
	f := func(expr, want string) {
		t.Helper()
		r := one(t, expr)
		text := string(r.YAML)
		if text != "" {
			parses(t, r.YAML)
		}
		_, got, _ := strings.Cut(text, "measure:\n")
		got, _, _ = strings.Cut(got, "    labels:")
		got = strings.TrimSpace(strings.Join(strings.Fields(got), " "))
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s\n%s", expr, got, want, told(r))
		}
	}
	const n = "n: {count: event, window: 5m} "
	f(`sum(increase(leads_total[5m])) < 3`, n+"expr: n < 3")
	f(`3 >= sum(increase(leads_total[5m]))`, n+"expr: n <= 3")
	f(`sum(rate(leads_total[5m])) * 60 == 1`, n+"expr: n == 5")
	f(`sum(increase(leads_total[5m])) + sum(increase(leads_total[5m])) > 4`, n+"expr: n > 2")
	f(`sum(rate(http_request_duration_seconds_bucket{le=~"0.3|0.30"}[5m])) * 300 > 4`, "n: {count: event, where: e2e_ms <= 300, window: 5m} expr: n > 4")
	f(`sum(rate(http_request_duration_seconds_bucket{le="+Inf"}[5m])) * 300 > 4`, n+"expr: n > 4")
	f(`-sum(rate(leads_total[5m])) < -0.1`, n+"expr: n > 30")
	f(`avg by (partner) (sum by (partner) (increase(leads_total[5m]))) != 0`, n+"by: [partner] expr: n != 0")
	f(`sum without (instance) (increase(leads_total[5m])) > 1`, n+"expr: n > 1")
	f(`sum(increase(leads_total{partner!="a",country=~"UA|PL",bot!~"x|y",campaign!=""}[5m])) > 1`,
		`n: {count: event, where: 'not (bot in ["x", "y"]) and campaign != "" and country in ["UA", "PL"] and partner != "a"', window: 5m} expr: n > 1`)
	f(`sum(increase(leads_total{partner=~".+",country!~".+",bot=~".*"}[5m])) > 1`,
		`n: {count: event, where: country == "" and partner != "", window: 5m} expr: n > 1`)
	f(`sum(increase(leads_total[5m])) > 1 unless sum(increase(leads_total[1h])) > 9 or sum(increase(leads_total[5m])) > 99`,
		"n_5m: {count: event, window: 5m} n_1h: {count: event, window: 1h} expr: n_5m > 1 and not (n_1h > 9) or n_5m > 99")
	f(`sum(increase(leads_total[5m])) > 1 and (sum(increase(leads_total[5m])) < 5 or sum(increase(leads_total[5m])) > 9)`,
		n+"expr: n > 1 and (n < 5 or n > 9)")
	f(`2 * sum(increase(leads_total[5m])) > sum(increase(enrich_milliseconds_count[5m])) + 1`,
		"n: {count: event, window: 5m} n_2: {count: span, window: 5m} expr: n > 0.5 * n_2 + 0.5")
	f(`histogram_quantile(0.999, sum(rate(http_request_duration_seconds_bucket[5m]))) > 1.5`, "p99_9: {quantile: 0.999, of: event.e2e_ms, window: 5m} expr: p99_9 > 1500")
	f(`histogram_quantile(0.5, sum by (stage, le) (rate(enrich_milliseconds_bucket{status="ok"}[5m]))) / 1000 > 0.3`,
		`p50: {quantile: 0.5, of: span.duration_ms, where: status == "ok", window: 5m} by: [stage] expr: p50 > 300`)
	f(`http_request_duration_seconds{quantile="0.9"} > 1`, "p90: {quantile: 0.9, of: event.e2e_ms, window: 5m} expr: p90 > 1000")
	ratio := `ratio: {ratio: {num: {count: event, where: worst != "ok"}, den: {count: event}}, window: 5m} `
	f(`1 - sum(rate(leads_total{code=~"2.."}[5m])) / sum(rate(leads_total[5m])) > 0.01`, ratio+"expr: ratio > 0.01")
	f(`sum(rate(leads_failed_total[5m])) / (sum(rate(leads_total[5m])) > 0) > 0.01`, ratio+"expr: ratio > 0.01")
	f(`(sum(increase(leads_failed_total[5m])) or vector(0)) / sum(increase(leads_total[5m])) * 100 >= 5`, ratio+"expr: ratio >= 0.05")
	f(`(errors:ratio or vector(0)) > 0.1`, ratio+"by: [partner] expr: ratio > 0.1")
	f(`errors:ratio > 0.1`, ratio+"by: [partner] expr: ratio > 0.1")
	f(`max(errors:ratio{partner="acme"}) by (partner) > 0.1`,
		`ratio: {ratio: {num: {count: event, where: partner == "acme" and worst != "ok"}, den: {count: event, where: partner == "acme"}}, window: 5m} by: [partner] expr: ratio > 0.1`)
	f(`sum(leads:count) > 1e3`, n+"expr: n > 1000")
	f(`sum(rate(http_request_duration_seconds_bucket{le="0.25",type="a"}[5m])) / sum(rate(http_request_duration_seconds_count{type="a"}[5m])) <= 0.9`,
		`ratio: {ratio: {num: {count: event, where: e2e_ms <= 250 and type == "a"}, den: {count: event, where: type == "a"}}, window: 5m} expr: ratio <= 0.9`)
	f(`time() - max by (partner) (lead_last_received_timestamp_seconds{country="UA"}) >= 90`,
		`age: {age: event, where: country == "UA"} by: [partner] series: {expect: seen_within(7d)} expr: age >= 90000`)
	f(`(time() - max(timestamp(leads_total))) / 60 > 5 or sum(increase(leads_total[5m])) == 0`, "age: {age: event} n: {count: event, window: 5m} expr: age > 300000 or n == 0")
	f(`min(time() - last_over_time(lead_last_received_timestamp_seconds[1h])) > 5m`, "age: {age: event} expr: age > 300000")
	f(`sum by (bot) (increase(leads_total[5m])) < 1`, n+"by: [bot] series: {expect: seen_within(7d)} expr: n < 1")
	f(`sum by (bot) (increase(leads_total[5m])) >= 1`, n+"by: [bot] expr: n >= 1")
	f(`sum(increase(leads_total[5m])) < 0.5 * sum(increase(leads_total[5m] offset 1w))`,
		n+"n_usual: {count: event, window: 5m, baseline: {season: 7d, periods: 4, stat: median}} expr: n < 0.5 * n_usual")
	f(`absent(sum(rate(leads_total{type="a"}[10m])))`, `n: {count: event, where: type == "a", window: 10m} expr: n == 0`)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	f := func(expr, want string) {
		t.Helper()
		r := one(t, expr)
		if r.YAML != nil || !strings.Contains(told(r), want) {
			t.Errorf("%s\ntold %s\nwant %s\n%s", expr, told(r), want, r.YAML)
		}
	}
	f(`WITH (x = a + a) x > 1`, "templates of MetricsQL")
	f(`ru(1, 2) > 1`, "templates of MetricsQL")
	f(strings.Repeat("(", 100)+"1"+strings.Repeat(")", 100), "nested deeper")
	f(strings.Repeat("1+", 9000)+"1 > 1", "bytes")
	f(`1 > 0`, "nothing that could be true")
	f(`sum(rate(leads_total[5m])) > bool 1`, "a comparison with bool")
	f(`sum(rate(leads_total[5m])) / 0 > 1`, "no ratio of counts")
	f(`sum(rate(leads_total[5m])) % 2 > 1`, "has no counterpart")
	f(`sum(rate(leads_total[5m:1m])) > 1`, "of a subquery")
	f(`sum(rate(leads_total)) > 1`, "no window")
	f(`sum(rate(leads_total[5m] offset 5m)) > 1`, "no whole number of days")
	f(`sum(rate(leads_total[5m] @ 100)) > 1`, "@ has no counterpart")
	f(`(sum(increase(leads_total[5m])) > 0) < 3`, "has no counterpart")
	f(`time() - min(lead_last_received_timestamp_seconds) > 1`, "min of lead_last")
	f(`lead_last_received_timestamp_seconds > 1`, "no number")
	f(`timestamp(sum(leads_total)) > 1`, "timestamp of sum")
	f(`max_over_time(leads_total[5m]) > 1`, "has no window")
	f(`predict_linear(leads_total[5m], 60) > 1`, "has no counterpart")
	f(`leads_total > 1`, "has no window")
	f(`rate(errors:ratio[5m]) > 1`, "a window over the recording rule")
	f(`twice > 1`, "several recording rules are named twice")
	f(`circle > 1`, "more than 64 recording rules")
	f(`sum(rate(leads_total[5m])) / sum(rate(leads_total[5m])) > 1`, "both sides of the ratio count the same")
	f(`sum(rate(leads_failed_total[5m])) / sum(rate(leads_total[10m])) > 1`, "no ratio of counts over one window")
	f(`sum(rate(leads_failed_total[5m])) / sum(rate(enrich_milliseconds_count[5m])) > 1`, "no ratio of counts")
	f(`rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m]) > 1`, "a mean")
	f(`sum(rate(http_request_duration_seconds_bucket[5m])) > 1`, "all buckets")
	f(`histogram_quantile(0.9, sum(rate(leads_total[5m])) + sum(rate(leads_failed_total[5m]))) > 1`, "not those of one metric")
	f(`histogram_quantile(2, sum(rate(http_request_duration_seconds_bucket[5m]))) > 1`, "quantile 2 is not between 0 and 1")
	f(`topk(3, sum by (partner) (rate(leads_total[5m]))) > 1`, "has no counterpart")
	f(`max by (partner) (rate(leads_total[5m])) > 1`, "max of rate")
	f(`sum by (partner) (errors:ratio) + sum(rate(leads_total[5m])) > 1`, "different labels")
	f(`sum(rate({partner="a"}[5m])) > 1`, "names no metric")
	f(`sum(rate(leads_total{partner="a" or bot="b"}[5m])) > 1`, "or inside braces")
	f(`sum(rate(leads_total{route="/x"}[5m])) > 1`, "no label route")
	f(`sum(rate(leads_total{partner=~"a.*"}[5m])) > 1`, "patterns have no counterpart")
	f(`sum(rate(http_request_duration_seconds_bucket{le=~".+"}[5m])) > 1`, "not one bucket")
	f(`absent(errors:ratio)`, "a window over the recording rule")
	f(`absent(histogram_quantile(0.9, sum(rate(http_request_duration_seconds_bucket[5m]))))`, "cannot be asked")
	f(`sum(rate(leads_total[1000d])) > 1`, "does not load")
}

// TestMap: what the documentation promises is there.
func TestMap(t *testing.T) {
	t.Parallel()
	f := func(text string, want foreign.Target) {
		t.Helper()
		_, got, err := foreign.ParseTarget(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", text, got, err, want)
		}
	}
	f("a=event", foreign.Target{Source: "event", Field: "e2e_ms"})
	f("a=span", foreign.Target{Source: "span", Field: "duration_ms"})
	f(`a=span:wait_ms?status == "ok"`, foreign.Target{Source: "span", Field: "wait_ms", Where: `status == "ok"`})
	for _, bad := range []string{"", "a", "=event", "a=lead", "a=event:duration_ms", "a{}=event", "a=event?x\x01"} {
		if _, _, err := foreign.ParseTarget(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

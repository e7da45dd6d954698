package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/golden"
	"leadline/rules"
	"leadline/server"
)

// basic is a password in HTTP Basic, as name:password.
func basic(pair string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

var slot = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// library is a book with a rule in every condition.
func library() *server.RuleBook {
	return &server.RuleBook{
		CostOf: 3600, Costs: true,
		Groups: []server.RuleGroup{
			{
				Name: "latency", Interval: 5000, LastSlot: slot, Duration: 12.4, Evaluations: 2880, Rules: []server.Rule{
					{Name: "Calm", Health: "good", Instances: map[string]int{"ok": 1204}, Cost: &server.Cost{Queries: 720, CPU: 1942, ReadRows: 1_234_567}},
					{Name: "Unseen", Health: "good", Instances: map[string]int{}},
					{Name: "Broken", Health: "error", Instances: map[string]int{"ok": 3}, Cost: &server.Cost{Queries: 1, Failed: 1, CPU: 0.4}},
					{Name: "Silent", Health: "good", Instances: map[string]int{"no_data": 1, "ok": 4}, Refused: 12},
					{Name: "Soon", Health: "good", Instances: map[string]int{"pending": 2}},
					{Name: "Slow", Health: "good", Instances: map[string]int{"firing": 2, "ok": 5}},
				},
			},
			{Name: "fresh", Interval: 90_000, Rules: []server.Rule{{Name: "New", Health: "unknown", Instances: map[string]int{}}}},
			{
				Name: "stuck", Interval: 30_000, LastSlot: slot.Add(-10 * time.Minute), Duration: 1500, Missed: 20, Failing: true, Rules: []server.Rule{
					{Name: "Both", Health: "error", Instances: map[string]int{"firing": 1}},
				},
			},
		},
		Shared: []server.Cost{{Reads: "latency_1m partner,stage", Queries: 60, CPU: 350, ReadRows: 98_000}},
	}
}

func objectives() []rules.SLOStatus {
	left := func(v float64) *float64 { return &v }
	return []rules.SLOStatus{
		{Name: "kept", Objective: 99, Period: "1M Europe/Kyiv"},
		{
			Name: "stored-fast", Service: "intake", Objective: 99.9, Period: "30d", Slot: slot, Series: []rules.SLOSeries{
				{Labels: leadline.Labels{"partner": "acme"}, State: leadline.StateOK, Left: left(0.93), Budget: "burning 0.5×: 0.1 % of the 30-day budget gone in the last hour, 93 % left, which lasts at this rate"},
				{Labels: leadline.Labels{"partner": "quiet"}, State: leadline.StateNoData, Budget: "no events yet that the 30-day budget could be reckoned from", Hints: []string{"one event in a window fires the page"}},
				{Labels: leadline.Labels{"partner": "globex"}, State: leadline.StateFiring, Severity: "page", Left: left(-0.43), Budget: "burning 18×: 4.1 % of the 30-day budget gone in the last hour, overspent: 143 % of it is gone"},
				{Labels: leadline.Labels{"partner": "low"}, State: leadline.StateOK, Left: left(0.2), Budget: "not burning in the last hour, 20 % of the 30-day budget left"},
			},
		},
	}
}

func drawn(t *testing.T, book *server.RuleBook, slos []rules.SLOStatus) string {
	t.Helper()
	page, err := server.RulesPage(book, slos, slot.Add(15*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestRulesPageIsDrawn(t *testing.T) {
	t.Parallel()
	golden.Bytes(t, []byte(drawn(t, library(), objectives())), "rules.html")
	golden.Bytes(t, []byte(drawn(t, &server.RuleBook{CostOf: 3600}, nil)), "rules_none.html")
}

// TestRulesPageOrder: what fires stands before what fails, and both before everything quiet, whatever their groups.
func TestRulesPageOrder(t *testing.T) {
	t.Parallel()
	page := drawn(t, library(), objectives())
	last := -1
	for _, want := range []string{
		">Slow ", ">Both ", ">Broken ", "<h3>stored-fast", "globex", "quiet", "#34;low", "acme", "<h3>kept", "<h3>stuck",
		"<h3>latency", ">Soon<", ">Silent<", ">Calm<", ">Unseen<", "<h3>fresh", ">New<", "latency_1m",
	} {
		at := strings.Index(page, want)
		if at <= last || strings.Count(page, want) != 1 {
			t.Errorf("%s stands at %d, behind %d wanted, %d times", want, at, last, strings.Count(page, want))
		}
		last = at
	}
}

// TestRulesPageEscapes: no name, label or word of a rule becomes anything but text.
func TestRulesPageEscapes(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title></style><svg onload=alert(1)>`,
		`' onmouseover='alert(1)`, "{{.Style}}", "<!--", `&lt;b&gt;`, "\x00\xff<b>",
	} {
		left := 0.5
		plain := func(s string) string {
			return drawn(t, &server.RuleBook{
				CostOf: 3600, Costs: true, Shared: []server.Cost{{Reads: s}},
				Groups: []server.RuleGroup{{Name: s, Interval: 1000, Rules: []server.Rule{
					{Name: s, Health: "good", Instances: map[string]int{s: 1}}, {Name: s, Health: s, Instances: map[string]int{"firing": 1}},
				}}},
			}, []rules.SLOStatus{{Name: s, Service: s, Period: s, Series: []rules.SLOSeries{
				{Labels: leadline.Labels{s: s}, State: leadline.StateFiring, Severity: s, Left: &left, Budget: s, Hints: []string{s}},
			}}})
		}
		tags := regexp.MustCompile(`<[^>]*>`)
		want, got := tags.FindAllString(plain("harmless"), -1), tags.FindAllString(plain(hostile), -1)
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Errorf("%q changes the tags:\n%q\n%q", hostile, want, got)
		}
	}
}

// TestRulesPageBoundsSeries: partners and campaigns make any number of series, the page shows the worst.
func TestRulesPageBoundsSeries(t *testing.T) {
	t.Parallel()
	o := rules.SLOStatus{Name: "fast", Objective: 99.9, Period: "30d"}
	for i := range 1020 {
		left := float64(i) / 1020
		o.Series = append(o.Series, rules.SLOSeries{Labels: leadline.Labels{"campaign": fmt.Sprint("c", i, "c")}, State: leadline.StateOK, Left: &left})
	}
	page := drawn(t, &server.RuleBook{}, []rules.SLOStatus{o})
	if strings.Count(page, `<li class="series">`) != 20 || !strings.Contains(page, "c19c") || strings.Contains(page, "c20c") || !strings.Contains(page, "1,000 more") {
		t.Error(page)
	}
}

func TestRulesPageDoor(t *testing.T) {
	t.Parallel()
	d := openAll(t, func(o *server.Options) { o.SLOs = objectives })
	a := d.do(t, "GET", "/rules", nil, "Authorization", basic("anna:"+d.watcher))
	says(t, a, 200, "")
	for _, want := range []string{"PartnerSlow", "120 queries · 1.5 ms CPU", "stored-fast", "143 % of it is gone"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	says(t, d.do(t, "GET", "/rules", nil, "Authorization", basic(":"+d.foreign)), 200, "")

	// Nothing runs, loads or is kept, but for the one style whose hash the policy has.
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(a.body)
	if style == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(style[1]))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	for name, want := range map[string]string{
		"Content-Security-Policy": policy, "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if found := regexp.MustCompile(`(?i)<script|<link|<img|src=|href=|style=|ll_live_`).FindString(a.body); found != "" {
		t.Errorf("the page has %s", found)
	}
	a = d.do(t, "GET", "/rules", nil)
	says(t, a, 401, "bad_key")
	if a.header.Get("WWW-Authenticate") != `Basic realm="leadline", charset="UTF-8"` || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.header)
	}
}

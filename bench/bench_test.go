package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestQuantilesErrByLessThanOnePercent(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, int64(time.Hour)), 1, 200).Draw(t, "ns")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		var l latencies
		for _, v := range values {
			l.add(time.Duration(v))
		}
		slices.Sort(values)
		want := values[min(int(q*float64(len(values))), len(values)-1)]
		if got := int64(l.at(q)); got < want-want/100-1 || got > want+want/100+1 {
			t.Fatalf("quantile %v of %d values is %d, want %d", q, len(values), got, want)
		}
	})
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		status     int
		body       string
		close      bool
	}{
		{"with a length", "HTTP/1.1 202 Accepted\r\nServer: x\r\nContent-Length: 3\r\n\r\nabc", 202, "abc", false},
		{"in small letters", "HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 429, "", true},
		{"in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 200, "2\r\nab\r\n0\r\n\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i := range len(c.text) {
				if _, complete, err := parseAnswer([]byte(c.text[:i])); complete || err != nil {
					t.Fatalf("%q: complete %v, error %v", c.text[:i], complete, err)
				}
			}
			a, complete, err := parseAnswer([]byte(c.text))
			if !complete || err != nil || a.status != c.status || string(a.body) != c.body || a.close != c.close {
				t.Errorf("%+v, complete %v, error %v", a, complete, err)
			}
		})
	}
	if _, _, err := parseAnswer([]byte("SSH-2.0-OpenSSH\r\n\r\n")); err == nil {
		t.Error("anything passes for HTTP")
	}
}

func TestRequestsSayWhereTheirIdsStand(t *testing.T) {
	t.Parallel()
	shapes := map[string]shape{
		"leadline": leadlineShape("key", 10),
		"rows":     {"/", nil, lines((*event).appendRow)},
		"otlp":     {"/", nil, func(e []event) []byte { return appendOTLP(nil, e) }},
	}
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, ids := s.request("127.0.0.1:1", 7, 0, 10)
			if len(ids) != 10 {
				t.Fatalf("%d ids", len(ids))
			}
			for i, at := range ids {
				putCounter(text[at:at+idDigits], uint64(0xabc0+i))
			}
			for i := range ids {
				if id := fmt.Sprintf("%s%016x", idPrefix(7), 0xabc0+i); strings.Count(string(text), id) != 1 {
					t.Errorf("%s is there %d times", id, strings.Count(string(text), id))
				}
			}
		})
	}
}

func TestAFloorHoldsInEveryRun(t *testing.T) {
	t.Parallel()
	with := func(stored float64) *run {
		return &run{Pairs: map[string]map[int][]pair{
			"leadline":   {1000: {{Full: figures{Stored: stored, CPU: 4, ClickHouseCPU: 2}}}},
			"clickhouse": {1000: {{Full: figures{Stored: 100, CPU: 12}}}},
		}}
	}
	if names := failed([]*run{with(150), with(160)}); len(names) != 0 {
		t.Errorf("failed: %v", names)
	}
	runs := []*run{with(150), with(90), with(170)}
	if names := failed(runs); len(names) != 1 {
		t.Errorf("failed: %v", names)
	}
	text := render(&options{seconds: time.Second}, runs)
	for _, want := range []string{"**1.50×** (0.90–1.70) | ✗ held in 2 of 3", "| ≤ 0.80× | ≤ 0.50× | **0.50×** (0.50–0.50) | ✓ aim", "not measured | –"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func TestTheDearestBenchmarkCounts(t *testing.T) {
	t.Parallel()
	const text = `goos: linux
BenchmarkCount/partners=1-2     100  100 ns/op  21.0 cpu-ns/stage  6 rows
BenchmarkCount/partners=50-2    100  100 ns/op  44.0 cpu-ns/stage  300 rows
BenchmarkCount/partners=50-2    100  100 ns/op  41.5 cpu-ns/stage  300 rows
PASS
`
	if ns, err := nanoseconds(text); ns != 41.5 || err != nil {
		t.Errorf("%v ns, error %v", ns, err)
	}
	if _, err := nanoseconds("PASS\n"); err == nil {
		t.Error("nothing measured, and no error")
	}
}

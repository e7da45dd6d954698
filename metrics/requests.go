package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Routes and codes come from this program's text, so there are some dozens; the bounds are for the day when they don't.
const (
	maxAnswers = 500 // pairs of route and status
	maxCodes   = 100
)

// answer is what requests of a route get.
type answer struct {
	route  string
	status int
}

// counted is what is counted of such answers.
type counted struct {
	requests prometheus.Counter
	bytes    prometheus.Counter
	took     prometheus.Observer
}

// requests counts HTTP.
type requests struct {
	running  prometheus.Gauge
	answers  *few[answer, counted]
	problems *few[string, prometheus.Counter]
}

// requestBuckets reach from a health check to the timeout of a request; an acknowledged event takes about a millisecond.
var requestBuckets = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}

func (r *requests) register(registry *prometheus.Registry) {
	running := gauges("leadline_http_requests_in_flight", "Requests that are being handled.")
	total := counters("leadline_http_requests_total", "Requests, by route pattern and status.", "route", "status")
	bytes := counters("leadline_http_request_bytes_total", "Bytes of request bodies as they came over the wire, by route pattern.", "route")
	took := histograms("leadline_http_request_duration_seconds", "Time from the handler's start to the answer, by route pattern.", requestBuckets, "route")
	problems := counters("leadline_http_problems_total", "Problem documents that were answered, by code.", "code")
	registry.MustRegister(running, total, bytes, took, problems)

	r.running = running.WithLabelValues()
	r.answers = newFew(maxAnswers, func(a answer) answer { return answer{other, a.status} }, func(a answer) counted {
		return counted{total.WithLabelValues(a.route, strconv.Itoa(a.status)), bytes.WithLabelValues(a.route), took.WithLabelValues(a.route)}
	})
	r.problems = newFew(maxCodes, func(string) string { return other }, func(code string) prometheus.Counter { return problems.WithLabelValues(code) })
}

// Begin notes a request that is being handled.
func (m *Metrics) Begin() { m.requests.running.Inc() }

// Observe notes its end: the route's pattern (never the path), the answer's status, the time in the handler and the
// bytes of the request's body.
func (m *Metrics) Observe(route string, status int, took time.Duration, bytes int) {
	m.requests.running.Dec()
	c := m.requests.answers.of(answer{route, status})
	c.requests.Inc()
	c.bytes.Add(float64(bytes))
	c.took.Observe(took.Seconds())
}

// Refuse notes a problem document, by its code.
func (m *Metrics) Refuse(code string) { m.requests.problems.of(code).Inc() }

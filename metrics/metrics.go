package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"leadline"
)

// Metrics is a registry of its own with everything that Leadline tells of itself.
type Metrics struct {
	registry *prometheus.Registry
	requests requests
	writes   writes
	machine  machine
	checks   *prometheus.CounterVec
}

// New makes a registry that knows the process and the Go runtime. Watch and Run add what other parts know.
func New() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	build := gauges("leadline_build_info", "Always 1; the labels say what is running.", "version", "go_version")
	build.WithLabelValues(leadline.Version, runtime.Version()).Set(1)
	m.checks = counters("leadline_check_errors_total", "Background checks that failed, by check.", "check")
	m.registry.MustRegister(build, m.checks)
	m.requests.register(m.registry)
	m.writes.register(m.registry)
	m.machine.register(m.registry)
	return m
}

// scrapesAtOnce bounds what a scraper that does not wait can cost.
const scrapesAtOnce = 4

// Handler answers GET /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesAtOnce})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

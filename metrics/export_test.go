package metrics

import "github.com/prometheus/client_golang/prometheus"

// Registry is where everything is registered.
func (m *Metrics) Registry() prometheus.Gatherer { return m.registry }

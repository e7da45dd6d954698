package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"leadline"
)

// machine tells of a sample what the collectors of the process and of Go do not have.
type machine struct {
	engineCPU, diskRead, diskWritten prometheus.Counter
	busy, engineRSS, diskFree        prometheus.Gauge
}

func (m *machine) register(registry *prometheus.Registry) {
	counter := func(name, help string) prometheus.Counter {
		c := counters(name, help)
		registry.MustRegister(c)
		return c.WithLabelValues()
	}
	gauge := func(name, help string) prometheus.Gauge {
		g := gauges(name, help)
		registry.MustRegister(g)
		return g.WithLabelValues()
	}
	m.engineCPU = counter("leadline_engine_cpu_seconds_total", "CPU time of the embedded ClickHouse, in seconds of one core.")
	m.engineRSS = gauge("leadline_engine_resident_memory_bytes", "Resident memory of the embedded ClickHouse.")
	m.busy = gauge("leadline_machine_cpu_busy_ratio", "Busy share of all of the machine's cores in the last sample, 0 to 1.")
	m.diskFree = gauge("leadline_data_free_bytes", "Free bytes of the data folder's file system.")
	m.diskRead = counter("leadline_disk_read_bytes_total", "Bytes that Leadline read from disk, the embedded ClickHouse not included.")
	m.diskWritten = counter("leadline_disk_written_bytes_total", "Bytes that Leadline wrote to disk, the embedded ClickHouse not included.")
}

// Sample takes over a sample of the machine.
func (m *Metrics) Sample(r leadline.Resources) {
	m.machine.engineCPU.Add(r.EngineCPU * r.Interval.Seconds())
	m.machine.engineRSS.Set(float64(r.EngineRSS))
	m.machine.busy.Set(r.MachineCPU)
	m.machine.diskFree.Set(float64(r.DiskFree))
	m.machine.diskRead.Add(float64(r.DiskRead))
	m.machine.diskWritten.Add(float64(r.DiskWrite))
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"leadline"
	"leadline/latency"
)

// sampleTimeout bounds WriteResources, the wait for a connection included: the next sample is due soon.
const sampleTimeout = 10 * time.Second

// WriteResources stores samples of this host in resources, each as one row. Calling it again with the same samples after
// an error leaves one copy: the token is the host and their times, since a host takes one sample at a time.
func (d *DB) WriteResources(ctx context.Context, samples []leadline.Resources) error {
	if len(samples) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	token := fmt.Sprintf("%s/%d-%d/%d", d.opt.Host, samples[0].At.UnixMicro(), samples[len(samples)-1].At.UnixMicro(), len(samples))
	err := d.with(ctx, func(ctx context.Context, w *writer) error {
		_, err := w.insert(ctx, "resources", token+"/resources", resources(d.opt.Host, samples))
		return err
	})
	if err != nil {
		return fmt.Errorf("write %d samples of resources to ClickHouse: %w", len(samples), err)
	}
	return nil
}

// resources makes the columns: some rows a minute are not worth memory of their own.
func resources(host string, samples []leadline.Resources) proto.Input {
	var at millis
	var hosts words
	for i := range samples {
		at.addMicros(latency.Micros(samples[i].At))
		hosts.add(host)
	}
	input := proto.Input{{Name: "at", Data: &at}, {Name: "host", Data: &hosts}}
	share := func(name string, of func(*leadline.Resources) float64) {
		var c proto.ColFloat32
		for i := range samples {
			c.Append(float32(of(&samples[i])))
		}
		input = append(input, proto.InputColumn{Name: name, Data: &c})
	}
	number := func(name string, of func(*leadline.Resources) int64) {
		var c proto.ColUInt64
		for i := range samples {
			c.Append(uint64(max(of(&samples[i]), 0)))
		}
		input = append(input, proto.InputColumn{Name: name, Data: &c})
	}
	share("interval_s", func(r *leadline.Resources) float64 { return r.Interval.Seconds() })
	share("cpu", func(r *leadline.Resources) float64 { return r.CPU })
	share("engine_cpu", func(r *leadline.Resources) float64 { return r.EngineCPU })
	share("machine_cpu", func(r *leadline.Resources) float64 { return r.MachineCPU })
	number("rss", func(r *leadline.Resources) int64 { return r.RSS })
	number("engine_rss", func(r *leadline.Resources) int64 { return r.EngineRSS })
	number("heap", func(r *leadline.Resources) int64 { return r.Heap })
	number("gc_pause_us", func(r *leadline.Resources) int64 { return r.GCPause.Microseconds() })
	number("goroutines", func(r *leadline.Resources) int64 { return int64(r.Goroutines) })
	number("open_files", func(r *leadline.Resources) int64 { return int64(r.OpenFiles) })
	number("spool_bytes", func(r *leadline.Resources) int64 { return r.SpoolBytes })
	share("spool_fill", func(r *leadline.Resources) float64 { return r.SpoolFill })
	number("spool_lag_us", func(r *leadline.Resources) int64 { return r.SpoolLag.Microseconds() })
	number("disk_free", func(r *leadline.Resources) int64 { return r.DiskFree })
	number("disk_read", func(r *leadline.Resources) int64 { return r.DiskRead })
	number("disk_write", func(r *leadline.Resources) int64 { return r.DiskWrite })
	number("net_in", func(r *leadline.Resources) int64 { return r.NetIn })
	number("net_out", func(r *leadline.Resources) int64 { return r.NetOut })
	return input
}

package app

import (
	"context"
	"io/fs"
	"log/slog"
	"runtime"
	"runtime/debug"
	rtmetrics "runtime/metrics"
	"time"

	"leadline"
)

// The rhythm of the samples, how many are kept for a ClickHouse that is away (ten minutes), and the time to write them:
// a write that hangs must not cost a sample.
const (
	sampleEvery  = 5 * time.Second
	samplesKept  = 120
	writeSamples = 4 * time.Second
)

// Sampler measures what Leadline and the machine below it use.
type Sampler struct {
	Proc      fs.FS      // Linux' /proc; where there is none, what it would tell is 0
	Data      string     // folder whose file system's room is told
	EnginePid func() int // of the embedded ClickHouse; nil without one
	Spool     interface {
		Used() int64
		Fill() float64
		OldestAge() time.Duration
	}
	Write   func(ctx context.Context, samples []leadline.Resources) error
	Sampled func(leadline.Resources) // gets every sample at once
	Log     *slog.Logger

	kept   []leadline.Resources // not written yet, oldest first
	failed bool                 // the last write
}

// Run takes a sample every five seconds and writes it, until ctx ends. While ClickHouse is away the newest samples are
// kept and written together afterwards.
func (s *Sampler) Run(ctx context.Context) error {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for before := s.read(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := s.read()
		sample := s.between(before, now)
		before = now
		s.Sampled(sample)
		if len(s.kept) == samplesKept {
			s.kept = append(s.kept[:0], s.kept[1:]...)
		}
		s.kept = append(s.kept, sample)
		s.write(ctx)
	}
}

func (s *Sampler) write(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, writeSamples)
	defer cancel()
	err := s.Write(short, s.kept)
	switch {
	case err == nil:
		if s.failed {
			s.Log.InfoContext(ctx, "resource samples are written again", "samples", len(s.kept))
		}
		s.kept = s.kept[:0]
	case !s.failed && ctx.Err() == nil:
		s.Log.WarnContext(ctx, "resource samples cannot be written, the newest are kept", "kept", samplesKept, "error", err)
	}
	s.failed = err != nil
}

// reading is what the counters say at a moment.
type reading struct {
	at        time.Time
	self      process
	engine    process
	enginePid int
	machine   ticks
	disk, net traffic
	openFiles int

	heap       int64
	goroutines int
	gcPause    time.Duration // since the start
}

func (s *Sampler) read() reading {
	p := procfs{s.Proc}
	r := reading{
		at: time.Now(), self: p.process("self"), machine: p.machine(), disk: p.disk(), net: p.net(), openFiles: p.openFiles(),
		heap: liveHeap(), goroutines: runtime.NumGoroutine(), gcPause: gcPause(),
	}
	if s.EnginePid != nil {
		r.enginePid = s.EnginePid()
		r.engine = p.processID(r.enginePid)
	}
	return r
}

// between makes a sample of two readings. Another engine process begins at nothing.
func (s *Sampler) between(a, b reading) leadline.Resources {
	interval := b.at.Sub(a.at)
	if a.enginePid != b.enginePid {
		a.engine = process{}
	}
	r := leadline.Resources{
		At: b.at.UTC(), Interval: interval,
		CPU: cores(a.self, b.self, interval), EngineCPU: cores(a.engine, b.engine, interval), MachineCPU: share(a.machine, b.machine),
		RSS: b.self.rss, EngineRSS: b.engine.rss,
		Heap: b.heap, GCPause: b.gcPause - a.gcPause, Goroutines: b.goroutines, OpenFiles: b.openFiles,
		SpoolBytes: s.Spool.Used(), SpoolFill: s.Spool.Fill(), SpoolLag: s.Spool.OldestAge(),
		DiskFree: diskFree(s.Data),
		DiskRead: grown(a.disk.in, b.disk.in), DiskWrite: grown(a.disk.out, b.disk.out),
		NetIn: grown(a.net.in, b.net.in), NetOut: grown(a.net.out, b.net.out),
	}
	return r
}

// cores is how many cores a process used.
func cores(a, b process, interval time.Duration) float64 {
	if interval <= 0 {
		return 0
	}
	return float64(grown(a.ticks, b.ticks)) / ticksPerSecond / interval.Seconds()
}

// share is the busy share of all cores.
func share(a, b ticks) float64 {
	all := grown(a.all, b.all)
	if all == 0 {
		return 0
	}
	return min(1, float64(grown(a.busy, b.busy))/float64(all))
}

// grown is by how much a counter grew; one that shrank was set back, or its process is another.
func grown(a, b uint64) int64 {
	if b < a {
		return 0
	}
	return int64(b - a)
}

// liveHeap is the memory of objects that live or are not swept yet.
func liveHeap() int64 {
	sample := []rtmetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	rtmetrics.Read(sample)
	if sample[0].Value.Kind() != rtmetrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

// gcPause is for how long the garbage collector has stopped the world since the start.
func gcPause() time.Duration {
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	return stats.PauseTotal
}

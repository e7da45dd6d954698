package spool

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAppend has writers append records of 600 bytes with keys while a consumer takes and finishes segments. The
// limit is a bare preallocated file with the same grouping and neither keys nor a consumer: 1.6 and 2.3 M records/s,
// 0.77 and 0.33 µs of CPU each on the two-core machine where it was measured.
func BenchmarkAppend(b *testing.B) {
	b.Run("1000x1", func(b *testing.B) { benchmarkAppend(b, 1000, 1) })
	b.Run("8x1000", func(b *testing.B) { benchmarkAppend(b, 8, 1000) })
	b.Run("1x1", func(b *testing.B) { benchmarkAppend(b, 1, 1) })
}

func benchmarkAppend(b *testing.B, writers, per int) {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var consumer sync.WaitGroup
	consumer.Go(func() {
		for {
			g, err := s.Next(ctx, 200*time.Millisecond)
			if err != nil {
				return
			}
			if err := g.Done(); err != nil {
				b.Error(err)
			}
		}
	})
	data := make([]byte, 600)
	var turn atomic.Int64
	work := func(records int64) {
		var left atomic.Int64
		left.Store(records)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				recs := make([]Record, per)
				for left.Add(-int64(per)) > -int64(per) {
					n := uint64(turn.Add(int64(per)))
					for i := range recs {
						recs[i].Data = data
						binary.LittleEndian.PutUint64(recs[i].Key[:], (n-uint64(i))*0x9e3779b97f4a7c15)
						binary.LittleEndian.PutUint64(recs[i].Key[8:], (n-uint64(i))*0xd1b54a32d192ed03)
					}
					if err := s.Append(context.Background(), Fair, recs); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	if writers*per > 1 {
		work(300_000) // until the files are there, as they are after the first seconds of a process
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := cpuTime()
	b.ResetTimer()
	work(int64(b.N))
	b.StopTimer()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/record")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)*float64(per)/float64(b.N), "allocs/append")
	cancel()
	consumer.Wait()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAck has one record of 600 bytes come every 100 µs, each from a sender of its own, and tells how long they
// wait for their answer: with a consumer, with one while the processors are busy with something else, and while
// nothing is taken away, so that a new file is needed five times a second. Try it with -cpu 2,4, too: on two
// processors that are busy a goroutine that comes back from an fsync waits its turn for 10 ms and more, unless
// GOMAXPROCS leaves it a P of its own.
func BenchmarkAck(b *testing.B) {
	b.Run("drained", func(b *testing.B) { benchmarkAck(b, true) })
	b.Run("busy", func(b *testing.B) {
		var stop atomic.Bool
		var spin sync.WaitGroup
		for range 2 {
			spin.Go(func() {
				h := sha256.New()
				for !stop.Load() {
					h.Write(zeros[:1<<12])
				}
			})
		}
		benchmarkAck(b, true)
		stop.Store(true)
		spin.Wait()
	})
	b.Run("outage", func(b *testing.B) { benchmarkAck(b, false) })
}

func benchmarkAck(b *testing.B, drained bool) {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir(), MaxRecords: 2000})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var consumer, senders sync.WaitGroup
	if drained {
		consumer.Go(func() {
			for {
				g, err := s.Next(ctx, 200*time.Millisecond)
				if err != nil {
					return
				}
				if err := g.Done(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	data := make([]byte, 600)
	took := make([]time.Duration, b.N)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	b.ResetTimer()
	for n := 0; n < b.N; {
		<-tick.C
		for end := min(n+10, b.N); n < end; n++ {
			i := n
			senders.Go(func() {
				rs := []Record{{Data: data}}
				binary.LittleEndian.PutUint64(rs[0].Key[:], uint64(i+1)*0x9e3779b97f4a7c15)
				binary.LittleEndian.PutUint64(rs[0].Key[8:], uint64(i+1)*0xd1b54a32d192ed03)
				start := time.Now()
				if err := s.Append(context.Background(), Fair, rs); err != nil {
					b.Error(err)
				}
				took[i] = time.Since(start)
			})
		}
	}
	senders.Wait()
	b.StopTimer()
	slices.Sort(took)
	for _, q := range []float64{0.5, 0.99, 0.999, 1} {
		b.ReportMetric(float64(took[int(q*float64(b.N-1))].Microseconds()), fmt.Sprintf("µs-p%g", q*100))
	}
	cancel()
	consumer.Wait()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"leadline"
	"leadline/internal/golden"
)

// tree is a /proc as Linux shows it.
func tree(selfStat, engineStat, stat, io, dev string) fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"self/stat": file(selfStat), "77/stat": file(engineStat), "stat": file(stat), "self/io": file(io), "net/dev": file(dev),
		"self/fd/0": file(""), "self/fd/1": file(""), "self/fd/2": file(""),
	}
}

const netHead = "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"

var (
	early = tree(
		"42 (lead) line)) S 1 42 42 0 -1 4194304 100 0 0 0 700 300 0 0 20 0 12 0 1261509 3133440 410 18446744073709551615 1 1 0 0\n",
		"77 (clickhouse) S 42 77 77 0 -1 4194304 100 0 0 0 5000 1000 0 0 20 0 90 0 1261600 3133440 90000 18446744073709551615 1 1 0 0\n",
		"cpu  1000 0 500 8000 100 0 50 0 10 0\ncpu0 500 0 250 4000 50 0 25 0 5 0\n",
		"rchar: 6976\nwchar: 10\nsyscr: 10\nsyscw: 0\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n",
		netHead+"    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0\n  eth0:2000 10 0 0 0 0 0 0 500 10 0 0 0 0 0 0\n")
	late = tree(
		"42 (lead) line)) S 1 42 42 0 -1 4194304 100 0 0 0 900 400 0 0 20 0 12 0 1261509 3133440 512 18446744073709551615 1 1 0 0\n",
		"77 (clickhouse) S 42 77 77 0 -1 4194304 100 0 0 0 5100 1025 0 0 20 0 90 0 1261600 3133440 91000 18446744073709551615 1 1 0 0\n",
		"cpu  1600 0 600 8200 150 0 100 0 10 0\ncpu0 500 0 250 4000 50 0 25 0 5 0\n",
		"rchar: 6976\nwchar: 10\nsyscr: 10\nsyscw: 0\nread_bytes: 8192\nwrite_bytes: 1056768\ncancelled_write_bytes: 0\n",
		netHead+"    lo: 51000 10 0 0 0 0 0 0 51000 10 0 0 0 0 0 0\n  eth0:2700 10 0 0 0 0 0 0 600 10 0 0 0 0 0 0\n")
)

// queue is a spool of which a sample wants to know.
type queue struct{}

func (queue) Used() int64              { return 1 << 20 }
func (queue) Fill() float64            { return 0.25 }
func (queue) OldestAge() time.Duration { return 1500 * time.Millisecond }

func TestSampleOfTwoReadings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Sampler{Proc: early, Spool: queue{}, EnginePid: func() int { return 77 }}
		a := s.read()
		time.Sleep(5 * time.Second)
		s.Proc = late
		r := s.between(a, s.read())
		if r.Heap <= 0 || r.Goroutines <= 0 || r.GCPause < 0 {
			t.Errorf("heap %d, goroutines %d, pause %v", r.Heap, r.Goroutines, r.GCPause)
		}
		r.Heap, r.Goroutines, r.GCPause = 0, 0, 0
		r.RSS, r.EngineRSS = r.RSS/int64(os.Getpagesize()), r.EngineRSS/int64(os.Getpagesize())
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Bytes(t, append(text, '\n'), "resources.json")
	})
}

func TestAnotherEngineBeginsAtNothing(t *testing.T) {
	t.Parallel()
	pid := 4
	s := &Sampler{Proc: late, Spool: queue{}, EnginePid: func() int { return pid }}
	a := s.read()
	pid = 77
	b := s.read()
	b.at = a.at.Add(5 * time.Second)
	if r := s.between(a, b); r.EngineCPU != 12.25 || r.CPU != 0 {
		t.Errorf("the engine used %v cores, Leadline %v", r.EngineCPU, r.CPU)
	}
	pid = 0
	if r := s.between(b, s.read()); r.EngineCPU != 0 || r.EngineRSS != 0 {
		t.Errorf("an engine that is not there used %v cores and %d bytes", r.EngineCPU, r.EngineRSS)
	}
}

func TestTheRealMachine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := &Sampler{Proc: os.DirFS("/proc"), Data: dir, Spool: queue{}, EnginePid: os.Getpid}
	r := s.between(reading{}, s.read())
	if r.Heap == 0 || r.Goroutines == 0 {
		t.Errorf("Go tells nothing: %+v", r)
	}
	if runtime.GOOS != "linux" {
		return
	}
	if r.RSS == 0 || r.EngineRSS == 0 || r.MachineCPU <= 0 || r.OpenFiles == 0 || r.DiskFree == 0 {
		t.Errorf("Linux tells nothing: %+v", r)
	}
}

// ears take samples, unless they are deaf.
type ears struct {
	mu      sync.Mutex
	deaf    bool
	slow    bool
	sampled int
	heard   [][]leadline.Resources
}

func (e *ears) write(ctx context.Context, samples []leadline.Resources) error {
	e.mu.Lock()
	slow := e.slow
	e.mu.Unlock()
	if slow {
		<-ctx.Done() // without the lock: a bubble's time stands still while somebody waits for one
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.deaf {
		return errors.New("ClickHouse is away")
	}
	e.heard = append(e.heard, append([]leadline.Resources(nil), samples...))
	return nil
}

func TestSamplesComeEveryFiveSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &ears{}
		s := &Sampler{
			Proc: early, Spool: queue{}, Log: slog.New(slog.DiscardHandler),
			Write: e.write, Sampled: func(leadline.Resources) { e.sampled++ },
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		pass := func(d time.Duration, deaf, slow bool) [][]leadline.Resources {
			e.mu.Lock()
			e.deaf, e.slow, e.heard = deaf, slow, nil
			e.mu.Unlock()
			time.Sleep(d)
			synctest.Wait()
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.heard
		}
		heard := pass(time.Minute, false, false)
		if len(heard) != 12 || len(heard[0]) != 1 || heard[11][0].Interval != 5*time.Second || heard[11][0].At.Sub(heard[0][0].At) != 55*time.Second {
			t.Errorf("in a minute %v", heard)
		}
		if heard := pass(time.Hour, true, false); len(heard) != 0 {
			t.Errorf("heard %d while away", len(heard))
		}
		heard = pass(5*time.Second, false, false)
		if len(heard) != 1 || len(heard[0]) != samplesKept || heard[0][119].At.Sub(heard[0][0].At) != 119*5*time.Second || time.Since(heard[0][119].At) != 0 {
			t.Errorf("afterwards %d writes", len(heard))
		}
		pass(64*time.Second, true, true) // a write that hangs costs no sample
		heard = pass(5*time.Second, false, false)
		if len(heard) != 1 || len(heard[0]) != 13 || heard[0][12].Interval != 5*time.Second {
			t.Errorf("after a minute of hanging writes %d: %d", len(heard), len(heard[0]))
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if e.sampled != 12+720+1+12+1 {
			t.Errorf("%d samples", e.sampled)
		}
	})
}

func FuzzProc(f *testing.F) {
	f.Add([]byte("42 (a b) S 1 2 3"))
	f.Add([]byte("cpu  1 2 3 18446744073709551615 5 6 7 8"))
	f.Add([]byte("lo: 1 2 3 4 5 6 7 8 9"))
	f.Add([]byte("read_bytes:"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := &fstest.MapFile{Data: text}
		s := &Sampler{Spool: queue{}, EnginePid: func() int { return 77 }, Proc: fstest.MapFS{"self/stat": file, "77/stat": file, "stat": file, "self/io": file, "net/dev": file}}
		a := s.read()
		a.at = a.at.Add(-time.Second)
		r := s.between(a, s.read())
		if r.MachineCPU < 0 || r.MachineCPU > 1 || r.CPU < 0 || r.NetIn < 0 {
			t.Errorf("%+v", r)
		}
	})
}

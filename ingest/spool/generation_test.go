package spool

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"leadline"
)

// spread makes keys that fall into all shards alike.
func spread(n int) (key leadline.Key) {
	key = numberKey(n)
	key[15], key[4] = byte(n), byte(n>>8)
	return key
}

// Within its memory the set knows every key that came after the time it tells.
func TestSeenKeepsItsMemory(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	rapid.Check(t, func(t *rapid.T) {
		s := newSeen(1000, most)
		s.span, s.now = 1_000_000, 1000*1_000_000
		var came []int64 // by key, when
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				for range rapid.IntRange(1, 20_000).Draw(t, "keys") {
					k := spread(len(came))
					if !s.add(&k, s.bucket) {
						t.Fatalf("key %d is not new", len(came))
					}
					came = append(came, s.now)
					if over := s.bytes() - most; over > most/20 {
						t.Fatalf("%d bytes too much", over)
					}
					if len(came)%100 == 0 {
						s.now++
					}
				}
			},
			"later": func(t *rapid.T) {
				s.now += rapid.Int64Range(0, 2_000_000).Draw(t, "ns")
				s.turn(s.now / s.span)
			},
			"tidy": func(*rapid.T) { s.tidy() },
			"": func(t *rapid.T) {
				known := 0
				for n := range came {
					k := spread(n)
					if has := s.has(&k); came[n] > s.gens[0].since && !has {
						t.Fatalf("key %d is forgotten", n)
					} else if has {
						known++
					}
				}
				if s.forced && s.gens[len(s.gens)-1].bucket-s.gens[0].bucket < buckets && known < most/bytesPerKey/2 {
					t.Fatalf("only %d keys are known", known)
				}
			},
		})
	})
}

func TestMaxKeyBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		opts := Options{Dir: dir, Window: 12 * time.Hour, MaxKeyBytes: 1 << 20, Log: slog.New(slog.NewTextHandler(&log, nil))}
		s := mustOpen(t, opts)
		if s.Window() != 12*time.Hour {
			t.Errorf("window %v at first", s.Window())
		}
		const hours, hourly = 8, 20_000
		send := func(hour int) (fresh int) {
			rs := make([]Record, hourly)
			for i := range rs {
				rs[i].Key = keyOf(fmt.Sprint(hour, i))
			}
			if err := s.Append(t.Context(), Fair, rs); err != nil {
				t.Fatal(err)
			}
			for _, r := range rs {
				if !r.Duplicate {
					fresh++
				}
			}
			for !empty(s) {
				mustDone(t, mustNext(t, s))
			}
			if s.Memory() > opts.MaxKeyBytes+opts.MaxKeyBytes/20 {
				t.Fatalf("%d bytes of keys in hour %d", s.Memory(), hour)
			}
			return fresh
		}
		for hour := range hours {
			if n := send(hour); n != hourly {
				t.Fatalf("%d are new in hour %d", n, hour)
			}
			<-time.After(time.Hour)
		}
		window := s.Window()
		if window < 2*time.Hour || window > 5*time.Hour {
			t.Errorf("window %v after %d hours of %d keys", window, hours, hourly)
		}
		check := func() {
			t.Helper()
			for hour := hours - int(window/time.Hour) + 1; hour < hours; hour++ {
				if n := send(hour); n != 0 {
					t.Errorf("%d keys of hour %d of %d are forgotten", n, hour, hours)
				}
			}
		}
		check()
		mustClose(t, s)
		files, err := filepath.Glob(filepath.Join(dir, "seen-*"))
		if err != nil || len(files) > int(window/time.Hour)+2 {
			t.Errorf("%d files are left, %v", len(files), err)
		}
		s = mustOpen(t, opts)
		if s.Memory() > opts.MaxKeyBytes {
			t.Errorf("%d bytes of keys after opening", s.Memory())
		}
		check()
		if n := send(0); n != hourly {
			t.Errorf("%d keys of the first hour are new", n)
		}
		mustClose(t, s)
		if n := bytes.Count(log.Bytes(), []byte("level=WARN")); n < 1 || n > 2 {
			t.Errorf("%d warnings by two processes:\n%s", n, &log)
		}
		<-time.After(time.Hour)
	})
}

// More keys in one bucket than the memory holds: the file is larger than what Open can take.
func TestMaxKeyBytesInOneBucket(t *testing.T) {
	t.Parallel()
	s := newSeen(1000, 1<<20)
	f := &seenFiles{dir: t.TempDir(), span: time.Hour, open: openFile, sizes: map[int64]int64{}}
	const n, block = 300_000, 5_000
	for i := range n / block {
		var keys []byte
		for j := range block {
			k := spread(i*block + j)
			s.add(&k, 1000)
			keys = append(keys, k[:]...)
		}
		if err := f.remember(1000, s.gens[0].bucket, keys); err != nil {
			t.Fatal(err)
		}
	}
	check := func(what string, s *seen) {
		t.Helper()
		if s.bytes() > 1<<20+1<<16 {
			t.Errorf("%s: %d bytes", what, s.bytes())
		}
		for i := n - 25_000; i < n; i++ {
			if k := spread(i); !s.has(&k) {
				t.Fatalf("%s: key %d of %d is forgotten", what, i, n)
			}
		}
	}
	check("at work", s)
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	again := newSeen(1000-buckets, 1<<20)
	if _, err := f.load(again, 1000); err != nil {
		t.Fatal(err)
	}
	check("loaded", again)
	if _, err := os.Stat(f.path(1000)); err != nil {
		t.Error(err)
	}
}

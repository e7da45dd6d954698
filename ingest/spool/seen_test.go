package spool

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"leadline"
)

// numberKey differs from its neighbours in few bits: the set must not rely on keys that look random.
func numberKey(n int) (key leadline.Key) {
	binary.BigEndian.PutUint64(key[8:], uint64(n))
	return key
}

func TestSeenAgainstMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Int64Range(1000, 1500).Draw(t, "bucket")
		s, model := newSeen(now, rapid.SampledFrom([]int64{1 << 20, 1 << 30}).Draw(t, "most")), map[leadline.Key]int64{}
		expired := func(b int64) bool { return b < now-buckets }
		key := rapid.Custom(func(t *rapid.T) leadline.Key {
			n := rapid.IntRange(0, 200).Draw(t, "n")
			return numberKey(n<<8 | rapid.IntRange(0, 1).Draw(t, "shard"))
		})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				k, b := key.Draw(t, "key"), now-rapid.Int64Range(0, buckets).Draw(t, "age")
				had, ok := model[k]
				isNew := !ok || expired(had)
				if got := s.add(&k, b); got != isNew {
					t.Fatalf("add %x at %d: new %v, want %v", k, b, got, isNew)
				}
				if isNew {
					model[k] = b
				}
			},
			"remove": func(t *rapid.T) {
				k := key.Draw(t, "key")
				s.remove(&k)
				if b, ok := model[k]; ok && !expired(b) {
					delete(model, k)
				}
			},
			"turn": func(t *rapid.T) {
				next := now + rapid.SampledFrom([]int64{-1, 1, 1, 3, 13, epochs - buckets, epochs, 3 * epochs}).Draw(t, "step")
				s.turn(next)
				now = max(now, next)
			},
			"tidy": func(*rapid.T) { s.tidy() },
			"sweep": func(t *rapid.T) {
				for range sweeps {
					s.tidy()
				}
				for k, b := range model {
					if expired(b) {
						delete(model, k)
					}
				}
				if s.count != len(model) {
					t.Fatalf("%d keys, want %d", s.count, len(model))
				}
			},
			"reserve": func(*rapid.T) { s.reserve(100) },
		})
	})
}

func TestSeenMemory(t *testing.T) {
	t.Parallel()
	s := newSeen(1000, 1<<30)
	const n = 3_000_000
	for i := range n {
		k := numberKey(i)
		s.add(&k, 1000)
		if per := float64(s.bytes()) / float64(i+1); i > 300_000 && (per < 9.4 || per > 13.5) {
			t.Fatalf("%.1f bytes a key with %d keys", per, i+1)
		}
	}
	s.turn(1000 + buckets + 1)
	for range sweeps {
		s.tidy()
	}
	if s.count != 0 || s.bytes() > int64(len(s.shards)*minSlots*entryBytes) {
		t.Fatalf("%d keys, %d bytes after the window", s.count, s.bytes())
	}
}

func TestSeenFileTornAtEveryByte(t *testing.T) {
	t.Parallel()
	files := func(dir string) *seenFiles { return &seenFiles{dir: dir, span: time.Hour, open: openFile} }
	load := func(f *seenFiles, want ...string) {
		t.Helper()
		set := newSeen(1000, 1<<30)
		if _, err := f.load(set, 1000); err != nil {
			t.Fatal(err)
		}
		for _, id := range want {
			if key := keyOf(id); set.add(&key, 1000) {
				t.Fatalf("%s is not known", id)
			}
		}
		if set.count != len(want) {
			t.Fatalf("%d keys, want %q", set.count, want)
		}
	}
	write := func(f *seenFiles, ids ...string) {
		t.Helper()
		var keys []byte
		for _, r := range recs(ids...) {
			keys = append(keys, r.Key[:]...)
		}
		if err := f.remember(1000, 1000, keys); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	f := files(dir)
	load(f)
	write(f, "a", "b")
	first := f.sizes[1000]
	write(f, "c")
	last := f.sizes[1000]
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
	for at := first; at < last; at++ {
		for name, spoil := range map[string]func(f file) error{
			"cut": func(fl file) error { return fl.(osFile).Truncate(at) },
			"garble": func(fl file) error {
				b := make([]byte, 1)
				if _, err := fl.ReadAt(b, at); err != nil {
					return err
				}
				b[0] ^= 0x10
				_, err := fl.WriteAt(b, at)
				return err
			},
		} {
			f := files(copyDir(t, dir))
			fl, err := openFile(f.path(1000))
			if err == nil {
				err = spoil(fl)
			}
			if err != nil {
				t.Fatal(err)
			}
			fl.Close()
			t.Logf("%s at %d", name, at)
			load(f, "a", "b")
			write(f, "d", "e") // over the torn block
			if err := f.close(); err != nil {
				t.Fatal(err)
			}
			load(files(f.dir), "a", "b", "d", "e")
		}
	}
}

// Epochs repeat after 254 buckets: a key that nothing swept away must not come to life again.
func TestSeenEpochsRepeat(t *testing.T) {
	t.Parallel()
	s, key := newSeen(1000, 1<<30), numberKey(1)
	s.add(&key, 1000)
	for b := int64(1); b < 3*epochs; b++ {
		s.turn(1000 + b)
		if live := s.live[s.find(s.place(&key)).epoch()]; live != (b <= buckets) {
			t.Fatalf("%d buckets later it is %v that the key is known", b, live)
		}
	}
}

// BenchmarkSeenLoad opens a spool that has finished ten million keys.
func BenchmarkSeenLoad(b *testing.B) {
	const n, block = 10_000_000, 50_000
	dir := b.TempDir()
	f := &seenFiles{dir: dir, span: 4 * time.Hour, open: openFile, sizes: map[int64]int64{}}
	now := f.bucketOf(time.Now())
	for i := range n / block {
		var keys []byte
		for j := range block {
			key := keyOf(fmt.Sprint(i*block + j))
			keys = append(keys, key[:]...)
		}
		if err := f.remember(now-int64(i%buckets), now-buckets, keys); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		if s.KeyCount() != n {
			b.Fatalf("%d keys", s.KeyCount())
		}
		b.ReportMetric(float64(s.Memory())/n, "B/key")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

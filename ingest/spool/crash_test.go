package spool

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"leadline"
)

// handed is a segment that the model has seen: it must never change.
type handed struct {
	token string
	lane  Lane
	ids   []string
	g     *Segment // nil while it is not out
}

// machine drives a spool on a simulated disk beside a model of what it promised. An id is "key#n": records of one key
// are duplicates, n tells the writings apart.
type machine struct {
	disk *simDisk
	s    *Spool
	opts Options

	n      int
	known  map[string]bool   // keys that are durable
	queue  [lanes][]string   // acknowledged, never handed out
	handed []*handed         // in the order of Next, not done
	doubt  [lanes][][]string // calls that got an error: a crash may bring them back, whole
	used   int64
}

func keyPart(id string) string {
	for i := range id {
		if id[i] == '#' {
			return id[:i]
		}
	}
	panic("BUG: id without #: " + id)
}

func (m *machine) recs(t *rapid.T) (lane Lane, rs []Record) {
	lane = rapid.SampledFrom([]Lane{Fair, Overflow}).Draw(t, "lane")
	for _, k := range rapid.SliceOfN(rapid.IntRange(-3, 40), 1, 5).Draw(t, "keys") {
		m.n++
		r := Record{Data: fmt.Appendf(nil, "%d#%d", max(k, 0), m.n)}
		if k > 0 {
			r.Key = keyOf(fmt.Sprint(k))
		}
		rs = append(rs, r)
	}
	return lane, rs
}

// fresh says which records are no duplicates, and the bytes of their frame.
func (m *machine) fresh(rs []Record) (ids []string, size int64) {
	mine := map[string]bool{}
	for _, r := range rs {
		id := string(r.Data)
		k := keyPart(id)
		if r.Key != (leadline.Key{}) && (m.known[k] || mine[k]) {
			continue
		}
		mine[k] = true
		ids = append(ids, id)
		size += recordHead + int64(len(id))
	}
	if len(ids) > 0 {
		size += frameHead
	}
	return ids, size
}

func (m *machine) learn(lane Lane, ids []string, size int64) {
	for _, id := range ids {
		if k := keyPart(id); k != "0" {
			m.known[k] = true
		}
	}
	m.queue[lane] = append(m.queue[lane], ids...)
	m.used += size
}

func (m *machine) append(t *rapid.T) {
	lane, rs := m.recs(t)
	ids, size := m.fresh(rs)
	full := size > 0 && m.used+size > m.opts.MaxBytes
	err := m.s.Append(m.disk.tb.Context(), lane, rs)
	if full != (err != nil) {
		t.Fatalf("append of %d bytes beside %d: %v", size, m.used, err)
	}
	if err != nil {
		return
	}
	var got []string
	for _, r := range rs {
		if !r.Duplicate {
			got = append(got, string(r.Data))
		}
	}
	if !slices.Equal(got, ids) {
		t.Fatalf("%q are no duplicates, want %q", got, ids)
	}
	m.learn(lane, ids, size)
}

// appendFails has the disk fail at some operation of an append. What failed may be tried again at once.
func (m *machine) appendFails(t *rapid.T) {
	left := rapid.IntRange(0, 4).Draw(t, "operations that succeed")
	errno := rapid.SampledFrom([]error{errEIO, errENOSPC}).Draw(t, "error")
	m.disk.mu.Lock()
	m.disk.fault = func(string) error {
		if left--; left == -1 {
			return errno
		}
		return nil
	}
	m.disk.mu.Unlock()
	lane, rs := m.recs(t)
	ids, size := m.fresh(rs)
	err := m.s.Append(m.disk.tb.Context(), lane, rs)
	m.settle()
	m.disk.mu.Lock()
	m.disk.fault = nil
	m.disk.mu.Unlock()
	if err == nil {
		m.learn(lane, ids, size)
	} else {
		m.doubt[lane] = append(m.doubt[lane], ids)
	}
	if m.s.Err() != nil {
		m.crashNow(t)
	}
}

// settle waits until the committer has nothing left to do from the calls before.
func (m *machine) settle() {
	for range 2 {
		c := new(call)
		c.state.Store(given)
		m.s.mu.Lock()
		m.s.calls = append(m.s.calls, c)
		done := m.s.done
		m.s.mu.Unlock()
		signal(m.s.wake)
		<-done
	}
}

func (m *machine) next(t *rapid.T) {
	again := slices.ContainsFunc(m.handed, func(h *handed) bool { return h.g == nil })
	if !again && len(m.queue[Fair])+len(m.queue[Overflow]) == 0 {
		if !empty(m.s) {
			t.Fatal("something is there and nothing is expected")
		}
		return
	}
	g, err := m.s.Next(m.disk.tb.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ids, lane := content(g), g.Lane()
	if i := slices.IndexFunc(m.handed, func(h *handed) bool { return h.g == nil && h.lane == lane }); i >= 0 {
		h := m.handed[i]
		if h.g = g; g.Token != h.token || !slices.Equal(ids, h.ids) {
			t.Fatalf("again: %s %q, was %s %q", g.Token, ids, h.token, h.ids)
		}
		return
	}
	if len(ids) == 0 || len(ids) > len(m.queue[lane]) || !slices.Equal(ids, m.queue[lane][:len(ids)]) {
		t.Fatalf("handed out %q, want the start of %q", ids, m.queue[lane])
	}
	m.queue[lane] = m.queue[lane][len(ids):]
	m.handed = append(m.handed, &handed{g.Token, lane, ids, g})
}

func (m *machine) done(t *rapid.T) {
	var out []*handed
	for _, h := range m.handed {
		if h.g != nil {
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		return
	}
	h := rapid.SampledFrom(out).Draw(t, "segment")
	bytes := h.g.bytes
	if err := h.g.Done(); err != nil {
		t.Fatal(err)
	}
	m.used -= bytes
	m.handed = slices.DeleteFunc(m.handed, func(o *handed) bool { return o == h })
}

func (m *machine) reopen(t *rapid.T) {
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	m.s = m.disk.open(m.opts)
	m.check(t, nil)
}

// crash cuts the power in the middle of an operation, or between two.
func (m *machine) crash(t *rapid.T) {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	chance := rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "chance of a sector")
	var img map[string]map[int64][]byte
	m.disk.mu.Lock()
	m.disk.after = rapid.IntRange(1, 8).Draw(t, "operations until then")
	m.disk.crash = func() { img = m.disk.image(rng, chance) }
	m.disk.mu.Unlock()

	var gone *handed // was being done
	switch rapid.SampledFrom([]string{"append", "next", "done"}).Draw(t, "during") {
	case "append":
		lane, rs := m.recs(t)
		ids, size := m.fresh(rs)
		err := m.s.Append(m.disk.tb.Context(), lane, rs)
		m.disk.mu.Lock()
		before := img != nil
		m.disk.mu.Unlock()
		if err == nil && !before {
			m.learn(lane, ids, size)
		} else {
			m.doubt[lane] = append(m.doubt[lane], ids)
		}
	case "next":
		if !empty(m.s) {
			if _, err := m.s.Next(m.disk.tb.Context(), 0); err != nil {
				t.Fatal(err)
			}
		}
	case "done":
		for _, h := range m.handed {
			if h.g != nil {
				gone = h
			}
		}
		if gone != nil {
			if err := gone.g.Done(); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.disk.mu.Lock()
	if img == nil {
		m.disk.crash()
	}
	m.disk.crash = nil
	m.disk.mu.Unlock()
	m.restart(t, img, gone)
}

func (m *machine) crashNow(t *rapid.T) {
	m.disk.mu.Lock()
	img := m.disk.image(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), 0.5)
	m.disk.mu.Unlock()
	m.restart(t, img, nil)
}

func (m *machine) restart(t *rapid.T, img map[string]map[int64][]byte, gone *handed) {
	m.end()
	m.disk = m.disk.restart(img)
	m.s = m.disk.open(m.opts)
	m.check(t, gone)
}

func (m *machine) end() {
	m.s.Close()
	os.RemoveAll(m.disk.dir)
}

// check compares what a new process has with the model. gone may be there or not.
func (m *machine) check(t *rapid.T, gone *handed) {
	for _, h := range m.handed {
		h.g = nil
	}
	m.used = 0
	var waiting int64
	var rest [lanes][]string
	for _, g := range slices.Concat(m.s.lines[Fair].live, m.s.lines[Overflow].live) {
		m.used += g.bytes
		waiting += int64(g.records)
		ids := content(g)
		if i := slices.IndexFunc(m.handed, func(h *handed) bool { return h.token == g.Token }); i >= 0 {
			if !slices.Equal(ids, m.handed[i].ids) {
				t.Fatalf("segment %s has %q, was %q", g.Token, ids, m.handed[i].ids)
			}
			m.handed[i].g = g
			continue
		}
		rest[g.Lane()] = append(rest[g.Lane()], ids...)
	}
	if m.s.Used() != m.used || m.s.Waiting() != waiting {
		t.Fatalf("%d records of %d bytes wait, want %d of %d", m.s.Waiting(), m.s.Used(), waiting, m.used)
	}
	m.handed = slices.DeleteFunc(m.handed, func(h *handed) bool {
		if h.g == nil && h != gone {
			t.Fatalf("segment %s with %q is gone", h.token, h.ids)
		}
		return h.g == nil
	})
	for _, h := range m.handed {
		h.g = nil
	}
	for lane := range Lane(lanes) {
		m.checkRest(t, lane, rest[lane])
	}
}

// checkRest compares what a lane has that was never handed out.
func (m *machine) checkRest(t *rapid.T, lane Lane, rest []string) {
	queue, doubt := m.queue[lane], m.doubt[lane]
	if len(rest) < len(queue) || !slices.Equal(rest[:len(queue)], queue) {
		t.Fatalf("after the restart %q, want %q first", rest, queue)
	}
	for rest = rest[len(queue):]; len(rest) > 0; {
		i := slices.IndexFunc(doubt, func(ids []string) bool {
			return len(ids) > 0 && len(ids) <= len(rest) && slices.Equal(ids, rest[:len(ids)])
		})
		if i < 0 {
			t.Fatalf("after the restart there is also %q, which was never sent or not so: %q", rest, doubt)
		}
		for _, id := range doubt[i] {
			if m.known[keyPart(id)] {
				t.Fatalf("%s is there twice", id)
			}
		}
		m.learn(lane, doubt[i], 0)
		rest = rest[len(doubt[i]):]
	}
	m.doubt[lane] = nil
}

// Every acknowledged record is handed out in its lane's order, once and whole, in segments that never change, and no key twice:
// through write errors, full disks, restarts and power cuts at any moment.
func TestAgainstModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		m := &machine{disk: newSimDisk(t), known: map[string]bool{}, opts: Options{
			LateAfter:       time.Hour, // all of a lane come in one order
			SegmentBytes:    rapid.SampledFrom([]int64{200, 1000, 1 << 20}).Draw(rt, "segment bytes"),
			MaxRecords:      rapid.SampledFrom([]int{1, 7, 1000}).Draw(rt, "records"),
			OverflowRecords: rapid.SampledFrom([]int{1, 5}).Draw(rt, "overflow records"),
			MaxBytes:        rapid.SampledFrom([]int64{600, 1 << 20}).Draw(rt, "max bytes"),
		}}
		m.s = m.disk.open(m.opts)
		rt.Repeat(map[string]func(*rapid.T){
			"append":      m.append,
			"appendAgain": m.append,
			"fails":       m.appendFails,
			"next":        m.next,
			"done":        m.done,
			"reopen":      m.reopen,
			"crash":       m.crash,
		})
		m.end()
	})
}

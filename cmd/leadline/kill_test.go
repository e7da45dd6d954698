//go:build linux

package main

import (
	"bytes"
	"flag"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which the kill tests kill")

// rounds is how often each test kills.
const rounds = 4

func TestKillLeadline(t *testing.T) {
	underLoad(t, func(h *house, _ *load, _ *rand.Rand) {
		orphan := h.enginePid(t)
		h.kill(t, h.cmd.Process.Pid)
		killed := time.Now()
		if !within(10*time.Second, func() bool { return gone(orphan) }) {
			t.Errorf("the engine, process %d, is still there 10 s after its Leadline was killed", orphan)
		}
		t.Logf("the engine is gone %s after its Leadline", time.Since(killed).Round(time.Millisecond))
		h.start(t)
	})
}

func TestKillEngine(t *testing.T) {
	underLoad(t, func(h *house, l *load, _ *rand.Rand) {
		old, before := h.enginePid(t), l.acked()
		h.kill(t, old)
		eventually(t, "another engine answers", func() bool {
			_, _, err := h.ask(t.Context(), "analyst", h.analyst, "SELECT 1")
			return err == nil && h.enginePid(t) != old && h.enginePid(t) != 0
		})
		if n := l.acked() - before; n < 10 {
			t.Errorf("%d events were acknowledged while the engine was away", n)
		}
		if closed(h.exited) {
			t.Fatal("Leadline died with its engine")
		}
	})
}

func TestKillLeadlineAndEngine(t *testing.T) {
	underLoad(t, func(h *house, _ *load, r *rand.Rand) {
		both := []int{h.enginePid(t), h.cmd.Process.Pid}
		r.Shuffle(2, func(i, j int) { both[i], both[j] = both[j], both[i] })
		h.kill(t, both...)
		h.start(t)
	})
}

// kill ends processes as kill -9 does: at once, in the given order.
func (h *house) kill(t testing.TB, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if pid == 0 {
			t.Fatal("no such process")
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range pids {
		if pid == h.cmd.Process.Pid {
			<-h.exited
		}
	}
}

// underLoad lets senders post, breaks something a few times and mends it, and then holds what was acknowledged against
// what is stored.
func underLoad(t *testing.T, strike func(h *house, l *load, r *rand.Rand)) {
	t.Helper()
	t.Logf("-seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, uint64(len(t.Name()))))
	h := settle(t)
	l := &load{url: "http://" + h.listen + "/v1/events", keys: map[string]string{}}
	for n := range partners {
		l.keys[partnerName(n)] = h.key(t, partnerName(n))
	}
	h.start(t)
	end := l.begin(t.Context())
	for n := range rounds {
		from := l.acked()
		eventually(t, "the load flows", func() bool { return l.acked() > from+300 })
		<-time.After(time.Duration(r.IntN(1000)) * time.Millisecond)
		if n%2 == 1 {
			h.batchArrives(t)
		}
		strike(h, l, r)
	}
	from := l.acked()
	eventually(t, "the load flows again", func() bool { return l.acked() > from+500 })
	end()
	h.drain(t)
	l.check(t, strings.Split(h.sql(t, "SELECT partner, id FROM events"), "\n"), h.rejected(t))
	h.audit(t)
	h.private(t, l)
}

// batchArrives returns a few milliseconds after events of a batch have become visible: then its rejected items are being
// inserted and Leadline has not yet noted that it is stored. Nothing but the batch's token keeps it from being stored
// again.
func (h *house) batchArrives(t testing.TB) {
	t.Helper()
	before := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		status, count, err := h.ask(t.Context(), "analyst", h.analyst, "SELECT count() FROM events")
		if err != nil || status != http.StatusOK {
			continue
		}
		if before != "" && count != before {
			return
		}
		before = count
	}
	t.Fatal("no batch arrives")
}

// drain waits until everything that was acknowledged is stored. Batches are written in their order and the rejected of
// a batch after its events, so all is stored once a rejected item that came last is.
func (h *house) drain(t testing.TB) {
	t.Helper()
	if status, body := h.post(t, h.apiKey, `{"id":"the last","type":"lead.started"}`); status != http.StatusUnprocessableEntity {
		t.Fatalf("the last item: %d %s", status, body)
	}
	eventually(t, "everything is stored", func() bool {
		_, answer, err := h.ask(t.Context(), "analyst", h.analyst, "SELECT count() FROM rejected WHERE partner = 'default'")
		return err == nil && answer == "1"
	})
}

// rejected is the number of rows of each rejected item.
func (h *house) rejected(t testing.TB) map[string]int {
	t.Helper()
	rows := map[string]int{}
	for line := range strings.Lines(h.sql(t, "SELECT partner, id FROM rejected WHERE code = 'schema_violation' AND length(violations.pointer) = 2")) {
		rows[strings.TrimSpace(line)]++
	}
	return rows
}

// audit asks ClickHouse what must hold for every row.
func (h *house) audit(t *testing.T) {
	t.Helper()
	f := func(sql string) {
		t.Helper()
		if got := h.sql(t, sql); got != "0" {
			t.Errorf("%s rows: %s", got, sql)
		}
	}
	f("SELECT count() - uniqExact(partner, id) FROM events")
	f("SELECT countIf(arraySum(wait_us) + arraySum(duration_us) != e2e_us) FROM events")
	f("SELECT countIf(toUnixTimestamp64Micro(stored_at) - toUnixTimestamp64Micro(received_at) != e2e_us) FROM events")
	f("SELECT countIf(arraySum(segment_us) != e2e_us OR length(stage) != 6) FROM journeys")
	f("SELECT (SELECT count() FROM all_spans) - 6 * (SELECT count() FROM events)")
	f("SELECT countIf(JSONExtractString(payload, 'start_param') != id OR schema != 'lead.started/1' OR lead_key = '' OR outcome != 'unqualified') FROM events")
	f("SELECT countIf(e2e_us > 60000000 OR stored_at > now64(6) + INTERVAL 1 SECOND) FROM events")
	f("SELECT countIf(payload NOT LIKE '%\"plan\":\"gold\"%') FROM rejected WHERE partner != 'default'")
	t.Logf("e2e p50, p99, max in ms: %s", h.sql(t, "SELECT arrayMap(x -> round(x / 1000), quantilesExact(0.5, 0.99, 1)(e2e_us)) FROM events"))
}

// private looks for what must not be kept: in all columns of all rows, in the logs, and in every file of the data folder.
func (h *house) private(t *testing.T, l *load) {
	t.Helper()
	secrets := []string{chatID, username}
	for _, key := range []string{h.apiKey, l.keys[partnerName(0)], l.keys[partnerName(1)]} {
		secrets = append(secrets, key[len("ll_live_12345678_"):])
	}
	holds := func(where string, content []byte) {
		for _, s := range secrets {
			if bytes.Contains(content, []byte(s)) {
				t.Errorf("%s holds %s", where, s)
			}
		}
	}
	holds("events", []byte(h.sql(t, "SELECT * FROM events FORMAT TSVRaw")))
	holds("rejected", []byte(h.sql(t, "SELECT * FROM rejected FORMAT TSVRaw")))
	eventually(t, "the engine has flushed its query log", func() bool {
		status, answer, err := h.ask(t.Context(), "analyst", h.analyst, "SELECT * FROM system.query_log FORMAT TSVRaw")
		holds("query_log", []byte(answer))
		return err == nil && status == http.StatusOK && strings.Contains(answer, "INSERT INTO")
	})
	if code, _ := h.stop(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, h.log(t))
	}
	files := 0
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".stdout") { // the welcome shows the key on purpose
			return err
		}
		content, err := os.ReadFile(path)
		files++
		holds(path, content)
		return err
	})
	if err != nil || files < 20 {
		t.Errorf("%d files searched: %v", files, err)
	}
}

//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"
)

// What senders tell about leads, and nobody may find anywhere in Leadline.
const (
	chatID   = "70917345128863"
	username = "zq_private_person"
)

// fate is what became of an item.
type fate struct {
	posts    int // tries, whatever came of them
	acks     int // answers ok, warning, duplicate or drop
	accepted int // of them ok or warning

	first  time.Time // when it was posted first
	stored bool      // was seen in ClickHouse
}

// item is an event, or one that is rejected, by its sender's name for it.
type item struct {
	partner, id string
	bad         bool
}

// load is a number of senders that post events with known ids until each of them is acknowledged.
type load struct {
	url    string
	keys   map[string]string // by partner
	client *http.Client

	mu      sync.Mutex
	fates   map[item]*fate
	acks    int
	strange []string // answers that nothing explains
	retries int
	refused map[int]int // answers that ask for another try, by status
}

const (
	partners     = 2
	singles      = 2 // senders of single events for each partner
	singleEvery  = 4 * time.Millisecond
	batchEvery   = 60 * time.Millisecond // of the one sender of batches for each partner
	batchOf      = 30
	loadDeadline = 90 * time.Second
)

// begin starts the senders. end lets each bring what it has begun to its acknowledgement.
func (l *load) begin(ctx context.Context) (end func()) {
	ctx, cancel := context.WithTimeout(ctx, loadDeadline)
	stop := make(chan struct{})
	l.fates, l.refused = map[item]*fate{}, map[int]int{}
	l.client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	var all sync.WaitGroup
	for partner := range l.keys {
		for n := range singles { // both partners use the same ids: an id is its partner's
			all.Go(func() {
				every(stop, singleEvery, func(i int) { l.single(ctx, partner, fmt.Sprintf("s%d-%06d", n, i), i) })
			})
		}
		all.Go(func() { every(stop, batchEvery, func(i int) { l.batch(ctx, partner, i) }) })
	}
	return func() {
		close(stop)
		all.Wait()
		cancel()
		l.client.CloseIdleConnections()
	}
}

// every calls do once a tick until stop is closed; ticks during a call are lost.
func every(stop <-chan struct{}, d time.Duration, do func(i int)) {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		case <-ticker.C:
			do(i)
		}
	}
}

// single posts one event: now and then twice at the same moment, or again although it is acknowledged.
func (l *load) single(ctx context.Context, partner, id string, i int) {
	const kind = "application/json"
	items, body := []item{{partner: partner, id: id}}, event(id)
	var twice sync.WaitGroup
	if i%5 == 0 {
		twice.Go(func() { l.deliver(ctx, kind, items, body) })
	}
	l.deliver(ctx, kind, items, body)
	twice.Wait()
	if i%11 == 0 {
		l.deliver(ctx, kind, items, body)
	}
}

// batch posts NDJSON: events, the first one once more, and an item that breaks its schema; every third batch is posted
// by two senders at once, one of them backwards.
func (l *load) batch(ctx context.Context, partner string, i int) {
	const kind = "application/x-ndjson"
	var items []item
	var lines []string
	for n := range batchOf {
		id := fmt.Sprintf("b-%05d-%02d", i, n)
		items, lines = append(items, item{partner: partner, id: id}), append(lines, event(id))
	}
	bad := fmt.Sprintf("bad-%05d", i)
	items, lines = append(items, items[0], item{partner, bad, true}), append(lines, lines[0], badEvent(bad))
	var twice sync.WaitGroup
	if i%3 == 0 {
		items, lines := slices.Clone(items), slices.Clone(lines)
		slices.Reverse(items)
		slices.Reverse(lines)
		twice.Go(func() { l.deliver(ctx, kind, items, strings.Join(lines, "\n")) })
	}
	l.deliver(ctx, kind, items, strings.Join(lines, "\n"))
	twice.Wait()
}

func event(id string) string {
	return fmt.Sprintf(`{"id":%q,"type":"lead.started","campaign":"rush-%d","bot":"load_bot","lead":{"chat_id":%s,"username":%q,"ip":"203.0.113.9","locale":"en"},"payload":{"start_param":%q}}`,
		id, len(id)%3, chatID, username, id)
}

func badEvent(id string) string {
	return fmt.Sprintf(`{"id":%q,"type":"lead.qualified","lead":{"username":%q,"chat_id":%s,"ip":"203.0.113.9"},"payload":{"plan":"gold","amount":-1,"currency":"EUR"}}`,
		id, username, chatID)
}

// deliver posts a body until every item of it is acknowledged.
func (l *load) deliver(ctx context.Context, kind string, items []item, body string) {
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	for !l.try(ctx, kind, items, body) {
		l.mu.Lock()
		l.retries++
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			l.odd("%v … was never acknowledged", items[0])
			return
		case <-ticker.C:
		}
	}
}

func (l *load) odd(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.strange) < 10 {
		l.strange = append(l.strange, fmt.Sprintf(format, args...))
	}
}

// try posts once and notes the answer; it is false where everything has to be sent again.
func (l *load) try(ctx context.Context, kind string, items []item, body string) bool {
	l.mu.Lock()
	for _, it := range items {
		if l.fates[it] == nil {
			l.fates[it] = &fate{first: time.Now()}
		}
		l.fates[it].posts++
	}
	l.mu.Unlock()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url, strings.NewReader(body))
	if err != nil {
		panic("BUG: " + err.Error())
	}
	req.Header.Set("Authorization", "Bearer "+l.keys[items[0].partner])
	req.Header.Set("Content-Type", kind)
	resp, err := l.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return false
	case resp.StatusCode == http.StatusServiceUnavailable, resp.StatusCode == http.StatusTooManyRequests:
		l.mu.Lock()
		l.refused[resp.StatusCode]++
		l.mu.Unlock()
		return false
	case resp.StatusCode == http.StatusUnprocessableEntity && len(items) == 1 && items[0].bad:
		l.note(items, &leadline.Receipt{Items: []leadline.Item{{Result: leadline.ResultDrop}}})
		return true
	case resp.StatusCode != http.StatusAccepted:
		l.odd("%v: %d %s", items[0], resp.StatusCode, text)
		return true
	}
	var r leadline.Receipt
	if err := json.Unmarshal(text, &r); err != nil || r.Accepted+r.Duplicates+r.Rejected != len(items) || len(r.Items) != 0 && len(r.Items) != len(items) {
		l.odd("%v: a receipt that does not add up to %d: %s", items[0], len(items), text)
		return true
	}
	l.note(items, &r)
	return true
}

// note books a receipt: one that names no items says that all are plainly ok.
func (l *load) note(items []item, r *leadline.Receipt) {
	for i, it := range items {
		result := leadline.ResultOK
		if len(r.Items) > 0 {
			result = r.Items[i].Result
		}
		if it.bad != (result == leadline.ResultDrop) {
			l.odd("%v: answered %s", it, result)
		}
		l.mu.Lock()
		f := l.fates[it]
		f.acks++
		if result == leadline.ResultOK || result == leadline.ResultWarning {
			f.accepted++
		}
		l.acks++
		l.mu.Unlock()
	}
}

// acked is how many acknowledgements came so far.
func (l *load) acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acks
}

// check holds what the senders know against what is stored: ids as "partner\tid", rejected items with their number of
// rows.
func (l *load) check(t *testing.T, stored []string, rejected map[string]int) {
	t.Helper()
	for _, s := range l.strange {
		t.Error(s)
	}
	rows := map[string]int{}
	for _, s := range stored {
		rows[s]++
	}
	var events, bad, lost, doubled, unasked int
	for it, f := range l.fates {
		key := it.partner + "\t" + it.id
		switch {
		case f.acks == 0:
			t.Errorf("%s: not acknowledged after %d posts", key, f.posts)
		case it.bad: // they have no identity: one row for each acknowledgement, perhaps one for a post without an answer
			bad++
			if n := rejected[key]; n < f.acks || n > f.posts {
				t.Errorf("rejected %s: %d rows, %d acknowledgements, %d posts", key, n, f.acks, f.posts)
			}
			delete(rejected, key)
		default:
			events++
			if f.accepted > 1 {
				t.Errorf("%s: %d answers said that it was new", key, f.accepted)
			}
			if rows[key] == 0 {
				lost++
				t.Logf("lost: %s %+v", key, *f)
			}
			if rows[key] > 1 {
				doubled++
				t.Logf("doubled: %s %+v", key, *f)
			}
			delete(rows, key)
		}
	}
	for key := range rows {
		unasked++
		t.Logf("nobody sent %s", key)
	}
	if lost+doubled+unasked > 0 || len(rejected) > 0 {
		t.Errorf("%d lost, %d doubled, %d that nobody sent, rejected that nobody sent: %v", lost, doubled, unasked, slices.Collect(maps.Keys(rejected)))
	}
	t.Logf("%d events, %d rejected items, %d acknowledgements, %d requests sent again", events, bad, l.acks, l.retries)
	if events < 1000 || bad < 20 {
		t.Errorf("%d events and %d rejected items are no load", events, bad)
	}
}

func partnerName(n int) string { return fmt.Sprintf("partner-%d", n) }

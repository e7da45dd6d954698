package ingest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"leadline"
)

// However stages overlap or clocks jump: no negative time, and the sum is the end of the latest stage.
func TestSpendConservesTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var e leadline.Event
		var latest time.Duration
		for range rapid.IntRange(1, 8).Draw(t, "stages") {
			begin := time.Duration(rapid.Int64Range(-1e9, 1e12).Draw(t, "begin"))
			end := time.Duration(rapid.Int64Range(-1e9, 1e12).Draw(t, "end"))
			spend(&e, "stage", begin, end, leadline.StatusOK)
			latest = max(latest, begin.Truncate(time.Microsecond), end.Truncate(time.Microsecond))
			if e.Elapsed() != latest {
				t.Fatalf("elapsed %v, latest moment %v", e.Elapsed(), latest)
			}
		}
		for _, s := range e.Segments {
			if s.Wait < 0 || s.Duration < 0 || s.Wait%time.Microsecond != 0 || s.Duration%time.Microsecond != 0 {
				t.Fatalf("segment %+v", s)
			}
		}
	})
}

func TestSpooledKnowsTheNewestRequests(t *testing.T) {
	t.Parallel()
	var s spooled
	f := func(request uint64, begin, end time.Duration, ok bool) {
		t.Helper()
		b, e, got := s.of(request)
		if got != ok || ok && (b != begin || e != end) {
			t.Errorf("request %d: got %v %v %v, want %v %v %v", request, b, e, got, begin, end, ok)
		}
	}
	first := s.request()
	f(first, 0, 0, false)
	s.note(first, 3*time.Millisecond, 5*time.Millisecond)
	f(first, 3*time.Millisecond, 5*time.Millisecond, true)
	f(first+uint64(len(s.slots)), 0, 0, false) // the same slot, another request
	s.note(first+uint64(len(s.slots)), 1500*time.Nanosecond, 1<<62)
	f(first, 0, 0, false)
	f(first+uint64(len(s.slots)), time.Microsecond, (1<<microBits-1)*time.Microsecond, true)
	f(0, 0, 0, false)
	s.note(first+1, -time.Second, 0)
	f(first+1, 0, 0, true)
}

// An event of an earlier process: only the wall clock can tell, and it may have been set back since.
func TestReceivedByAnEarlierProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		time.Sleep(time.Hour)
		f := func(receivedAgo, elapsed, want time.Duration) {
			t.Helper()
			e := leadline.Event{ReceivedAt: time.Now().Add(-receivedAgo).Round(0)}
			e.Spend("receive", 0, elapsed, leadline.StatusOK)
			if got := c.now() - c.received(&e, stamp{process: 7, received: 123}); got != want {
				t.Errorf("received %v ago: got age %v, want %v", receivedAgo, got, want)
			}
		}
		f(3*time.Hour, time.Millisecond, 3*time.Hour)
		f(time.Second, time.Millisecond, time.Second)
		f(-time.Hour, time.Millisecond, time.Millisecond) // from the future: it is as old as what it went through
		f(0, 0, 0)
		e := leadline.Event{ReceivedAt: time.Now().Add(time.Hour)}
		if got := c.received(&e, stamp{process: c.process, received: 123}); got != 123 {
			t.Errorf("of this process: got %v", got)
		}
	})
}

func TestStagesOfAnEvent(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *Options) { o.MinAge = 50 * time.Millisecond })
	begin := time.Now()
	r := Request{Partner: "acme", Body: []byte("[" + with(`"id":"a"`) + "," + with(`"id":"b"`) + "]"), ReceivedAt: begin, Received: begin.Add(3 * time.Millisecond)}
	if _, err := p.Submit(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	acked := time.Since(begin)
	m := drained(t, p)
	total := time.Since(begin)
	for _, e := range m.events {
		var names []string
		for _, s := range e.Segments {
			names = append(names, s.Stage)
			if s.Status != leadline.StatusOK || s.Wait < 0 || s.Duration < 0 {
				t.Errorf("segment %+v", s)
			}
		}
		want := []string{leadline.StageReceive, leadline.StageValidate, leadline.StageSpool, leadline.StageGeoIP, leadline.StageQualify, leadline.StageWrite}
		if len(names) != len(want) {
			t.Fatalf("stages %q", names)
		}
		for i := range want {
			if names[i] != want[i] {
				t.Errorf("stages %q, want %q", names, want)
			}
		}
		if e.Segments[0].Duration != 3*time.Millisecond {
			t.Errorf("receive took %v", e.Segments[0].Duration)
		}
		// fsync is measured, it takes longer than nothing and ends before Submit returned.
		spool := e.Segments[2]
		if spool.Duration <= 0 || e.Segments[0].Duration+e.Segments[1].Wait+e.Segments[1].Duration+spool.Wait+spool.Duration > max(acked, 4*time.Millisecond) {
			t.Errorf("spool %+v, acknowledged after %v", spool, acked)
		}
		// The segment was frozen 50 ms after its first record came: that time is wait of the stage behind the spool.
		if before := e.Elapsed() - e.Segments[4].Wait - e.Segments[4].Duration - e.Segments[5].Wait; before < 45*time.Millisecond || e.Segments[3].Wait == 0 {
			t.Errorf("geoip was asked after %v, want 50 ms or more: %+v", before, e.Segments)
		}
		if e.Elapsed() > total {
			t.Errorf("elapsed %v of %v", e.Elapsed(), total)
		}
	}
	if m.events[1].Segments[1].Wait < m.events[0].Segments[1].Duration {
		t.Error("the second item did not wait for the first one's check")
	}
}

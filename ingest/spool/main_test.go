package spool

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"leadline"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	goleak.VerifyTestMain(m)
}

func keyOf(id string) leadline.Key {
	sum := sha256.Sum256([]byte(id))
	return leadline.Key(sum[:16])
}

// rec is a record whose data is its id; the id "" stands for the zero key.
func rec(id string) Record { return Record{Key: keyOf(id), Data: []byte(id)} }

func recs(ids ...string) []Record {
	var rs []Record
	for _, id := range ids {
		rs = append(rs, rec(id))
	}
	return rs
}

func mustOpen(t *testing.T, opts Options) *Spool {
	t.Helper()
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func mustClose(t *testing.T, s *Spool) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// mustAppend stores one record an id in one call and gives the ids that were new.
func mustAppend(t *testing.T, s *Spool, ids ...string) (fresh []string) {
	t.Helper()
	return mustAppendTo(t, s, Fair, ids...)
}

// mustAppendTo is mustAppend to a lane.
func mustAppendTo(t *testing.T, s *Spool, lane Lane, ids ...string) (fresh []string) {
	t.Helper()
	rs := recs(ids...)
	if err := s.Append(t.Context(), lane, rs); err != nil {
		t.Fatal(err)
	}
	for i, r := range rs {
		if !r.Duplicate {
			fresh = append(fresh, ids[i])
		}
	}
	return fresh
}

func mustNext(t *testing.T, s *Spool) *Segment {
	t.Helper()
	g, err := s.Next(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func mustDone(t *testing.T, g *Segment) {
	t.Helper()
	if err := g.Done(); err != nil {
		t.Fatal(err)
	}
}

// content is the data of a segment's records.
func content(g *Segment) (ids []string) {
	for piece, err := range g.Pieces(100) {
		if err != nil {
			return []string{err.Error()}
		}
		for _, data := range piece {
			ids = append(ids, string(data))
		}
	}
	return ids
}

// empty reports whether there is nothing to hand out.
func empty(s *Spool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, costs, _ := s.heads(time.Now(), 0, true)
	return costs == [queues]int{}
}

// drain takes everything that can be handed out, and does not finish it.
func drain(t *testing.T, s *Spool) (ids []string) {
	t.Helper()
	for !empty(s) {
		ids = append(ids, content(mustNext(t, s))...)
	}
	return ids
}

func wantIDs(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("got error %v, want %v", got, want)
	}
}

// copyDir copies a spool's files as a crash of the process at this moment would leave them.
func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(from, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(name)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func numbered(prefix string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s%d", prefix, i))
	}
	return ids
}

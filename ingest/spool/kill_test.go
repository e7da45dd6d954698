package spool

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const childDir = "SPOOL_TEST_CHILD_DIR"

// child appends from many goroutines and prints the ids that were acknowledged, until it is killed. A consumer finishes
// segments beside it and prints their ids before it calls Done, with a minus.
func child(dir string) int {
	s, err := Open(Options{Dir: dir, MaxRecords: 500})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	say := func(sign string, ids []string) {
		mu.Lock()
		defer mu.Unlock()
		for i, id := range ids {
			ids[i] = sign + id + "\n"
		}
		fmt.Print(strings.Join(ids, "")) // one write
	}
	ctx := context.Background()
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				// Two goroutines send the same ids, as a sender does that did not see its answer.
				ids := numbered(fmt.Sprintf("%d-%d-%d-", os.Getpid(), w/2, n), 1+n%4)
				rs := recs(ids...)
				if err := s.Append(ctx, Fair, rs); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				say("+", ids)
			}
		})
	}
	for {
		g, err := s.Next(ctx, 5*time.Millisecond)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		say("-", content(g))
		if err := g.Done(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
}

// Killed again and again, a spool hands out everything that was acknowledged, and nothing twice but the segments that
// were not done yet.
func TestKill9(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acked, handed := map[string]bool{}, map[string]int{}
	for round := range 6 {
		last := killChild(t, dir, 3000*(round+1), acked, handed)
		s := mustOpen(t, Options{Dir: dir})
		rest := drain(t, s)
		for _, id := range rest {
			handed[id]++
		}
		for id, n := range handed {
			if n > 1 && !last[id] || n > 2 {
				t.Fatalf("round %d: %s was handed out %d times", round, id, n)
			}
			if n > 1 {
				handed[id] = 1
			}
		}
		var missing []string
		for id := range acked {
			if handed[id] == 0 {
				missing = append(missing, id)
			}
			rs := recs(id)
			if len(missing) == 0 && len(id)%7 == 0 {
				if err := s.Append(t.Context(), Fair, rs); err != nil || !rs[0].Duplicate {
					t.Fatalf("round %d: %s is new again, %v", round, id, err)
				}
			}
		}
		if len(missing) > 0 {
			t.Fatalf("round %d: %d of %d acknowledged are missing: %.5q", round, len(missing), len(acked), missing)
		}
		for _, id := range rest { // they come again after the next start
			delete(handed, id)
		}
		mustClose(t, s)
	}
	t.Logf("%d acknowledged", len(acked))
}

// killChild runs a child until it has printed so many lines. last are the ids of the segment that it may not have
// finished.
func killChild(t *testing.T, dir string, lines int, acked map[string]bool, handed map[string]int) (last map[string]bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last = map[string]bool{}
	in := bufio.NewScanner(out)
	for n := 0; in.Scan(); n++ { // to the end: what is in the pipe was acknowledged too
		id := in.Text()
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		switch sign, id := id[0], id[1:]; sign {
		case '+':
			acked[id] = true
		case '-':
			handed[id]++
			last[id] = true
		default:
			t.Fatalf("line %q", id)
		}
	}
	cmd.Wait() // an error says that it was killed
	return last
}

package state_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"
	"leadline/state"
)

// TestMain plays the child of the kill test and of the two-process test.
func TestMain(m *testing.M) {
	if path := os.Getenv("LEADLINE_STATE_CHILD"); path != "" {
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child writes generation after generation, each into five tables in one transaction, and prints each after its commit.
// Told to rest, it leaves the file alone for as long as it has just used it.
func child(path string) error {
	db, err := state.Open(path)
	if err != nil {
		return err
	}
	gen, err := generation(context.Background(), db)
	if err != nil {
		return err
	}
	rest := os.Getenv("LEADLINE_STATE_REST") != ""
	for {
		gen++
		began := time.Now()
		if err := db.Update(context.Background(), func(tx *state.Tx) error { return write(tx, gen) }); err != nil {
			return err
		}
		fmt.Println(gen)
		if rest {
			<-time.After(time.Since(began))
		}
	}
}

func write(tx *state.Tx, gen int) error {
	i, ok, err := tx.Incident(1)
	if err != nil {
		return err
	}
	if !ok {
		i = leadline.Incident{Key: "k", State: leadline.IncidentOpen}
		if err := tx.AddIncident(&i); err != nil {
			return err
		}
	}
	i.Revision = int64(gen)
	text := strconv.Itoa(gen)
	for _, err := range []error{
		tx.PutIncident(i),
		tx.PutInstance(leadline.Instance{Group: "g", Rule: "r", Trues: gen}),
		tx.PutDelivery(state.Delivery{Incident: 1, Chat: -1, WantedRevision: int64(gen)}),
		tx.AppendLog(state.LogEntry{Incident: 1, Kind: text, Body: strings.Repeat("x", gen%5000)}),
		tx.PutSetting("gen", []byte(text)),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// generation is the one that all tables show, or an error where they differ.
func generation(ctx context.Context, db *state.DB) (gen int, err error) {
	err = db.View(ctx, func(tx *state.Tx) error {
		v, ok, err := tx.Setting("gen")
		if err != nil || !ok {
			return err
		}
		if gen, err = strconv.Atoi(string(v)); err != nil {
			return err
		}
		i, _, err1 := tx.Incident(1)
		in, err2 := tx.Instances("g")
		d, _, err3 := tx.Delivery(1, -1)
		l, err4 := tx.Log(1)
		for _, err := range []error{err1, err2, err3, err4} {
			if err != nil {
				return err
			}
		}
		if i.Revision != int64(gen) || in[0].Trues != gen || d.WantedRevision != int64(gen) || len(l) != gen || l[gen-1].Kind != string(v) {
			return fmt.Errorf("generation %d is torn: incident %d, instance %d, delivery %d, %d lines", gen, i.Revision, in[0].Trues, d.WantedRevision, len(l))
		}
		return nil
	})
	return gen, err
}

func start(t *testing.T, path string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), "LEADLINE_STATE_CHILD="+path), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestKillLeavesWholeTransactions(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	rnd := rand.New(rand.NewPCG(1, 2))
	last := 0
	for round := range 6 {
		cmd, lines := start(t, path)
		kill := time.AfterFunc(time.Hour, func() { _ = cmd.Process.Kill() })
		acked := 0
		for lines.Scan() {
			acked, _ = strconv.Atoi(lines.Text())
			if acked == last+1 {
				kill.Reset(time.Duration(rnd.IntN(60_000)) * time.Microsecond)
			}
		}
		kill.Stop()
		_ = cmd.Wait()
		if acked <= last {
			t.Fatalf("round %d: the child committed nothing", round)
		}
		db := open(t, path)
		gen, err := generation(t.Context(), db)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if gen < acked || gen > acked+1 {
			t.Errorf("round %d: the file has generation %d, the child had committed %d", round, gen, acked)
		}
		db.Close()
		last = gen
	}
}

// Another process uses the file half of the time, however slow the disk is. This one gets its turn, and each sees what the
// other wrote. SQLite's lock is not fair: without any rest this one would wait as long as luck has it.
func TestTwoProcessesTakeTurns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	cmd, lines := start(t, path, "LEADLINE_STATE_REST=1")
	lines.Scan()
	db := open(t, path)
	var wg sync.WaitGroup
	wg.Go(func() {
		for lines.Scan() { // the child must not block on a full pipe
		}
	})
	seen := 0
	for i := 0; i < 20 || seen < 3 && i < 10_000; i++ {
		update(t, db, func(tx *state.Tx) error { return tx.PutSetting("mine", []byte(strconv.Itoa(i))) })
		gen, err := generation(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		seen = max(seen, gen)
	}
	_ = cmd.Process.Kill()
	wg.Wait()
	_ = cmd.Wait()
	if seen < 3 {
		t.Errorf("saw generation %d: the other process got no turn", seen)
	}
}

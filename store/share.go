package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
)

// share is what a batch has for one table. Its days, in UTC since 1970, are the partitions that it goes to.
type share struct {
	table  string
	rows   proto.Input
	days   func() []uint32
	only   func(take func(day uint32) bool) proto.Input // the rows of some days
	absent func(ctx context.Context, day uint32) (bool, error)
}

const (
	maxTokens  = 10 // that one insert may use up: a crash in the same microseconds each
	endWithin  = 20 * time.Second
	checkEvery = 50 * time.Millisecond
)

// put inserts a batch's share of a table under the batch's token. When it returns nil the rows are there, once.
//
// A token that ClickHouse knows does not prove it. A MergeTree table that is not replicated writes the token to its
// deduplication log first, then commits the part (26.7: MergeTreeSink::commitPart calls addPart of the log, then
// renameTempPartAndAdd); when the engine is killed between the two, a retry is taken for a repetition, is answered with
// success and stores nothing (TestSwallowed). The other order does not occur: no part without its token, so a retry under
// a token that the log lacks cannot double anything. Replicated tables commit both in Keeper at once.
//
// So where ClickHouse says that it left something out, put looks for the rows, day by day, for partitions are what is
// committed at once; those that are absent go in again under a second token, made from the first, and so on. That is
// exact after a crash anywhere in it, because it begins at the first token again and comes the same way:
//   - A day is inserted under token n+1 only when its rows were absent although all tokens up to n were logged for it, and
//     no insert under any of them is still at work (settled). None of them can ever store it then: an insert of theirs that
//     is yet to begin finds its token logged.
//   - Which days go together does not matter: ClickHouse keeps tokens by partition.
func (w *writer) put(ctx context.Context, d *DB, token string, s *share) error {
	token += "/" + s.table
	known, err := w.insert(ctx, s.table, token, s.rows)
	if err != nil || !known || d.opt.Cluster != "" {
		return err
	}
	days := s.days()
	for n := 2; ; n++ {
		if err := w.settled(ctx, token); err != nil {
			return fmt.Errorf("table %s: %w", s.table, err)
		}
		if days, err = absent(ctx, s, days); err != nil {
			return fmt.Errorf("table %s: look for the rows of token %s, which ClickHouse knows: %w", s.table, token, err)
		}
		if len(days) == 0 {
			return nil
		}
		if n > maxTokens {
			return fmt.Errorf("table %s: ClickHouse knows token %s and %d made from it, but the rows of %d days are absent: see to the disk of its tables",
				s.table, token, maxTokens-1, len(days))
		}
		some := s.only(func(day uint32) bool { return slices.Contains(days, day) })
		known, err = w.insert(ctx, s.table, fmt.Sprint(token, "/", n), some)
		if err != nil {
			return err
		}
		if !known {
			d.opt.Log.WarnContext(ctx, "ClickHouse knew the token of an insert but had lost the rows, as when it is killed in the middle of one: inserted again",
				"table", s.table, "token", token, "try", n, "days", len(days))
			return nil
		}
	}
}

// daysOf lists the days of times in microseconds.
func daysOf(times iter.Seq[int64]) []uint32 {
	var days []uint32
	for t := range times {
		if day := dayOf(t); !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return days
}

func all(uint32) bool { return true }

func absent(ctx context.Context, s *share, days []uint32) ([]uint32, error) {
	var gone []uint32
	for _, day := range days {
		is, err := s.absent(ctx, day)
		if err != nil {
			return nil, err
		}
		if is {
			gone = append(gone, day)
		}
	}
	return gone, nil
}

// settled waits until no insert under the token, or one made from it, is at work on the server: an earlier try whose
// answer was lost may have logged its token and be about to commit.
func (w *writer) settled(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	for {
		running, err := w.inserting(ctx, "startsWith(Settings['insert_deduplication_token'], "+literal(token)+")")
		if err != nil || running == 0 {
			return err
		}
		select {
		case <-time.After(checkEvery):
		case <-ctx.Done():
			return fmt.Errorf("an earlier try under token %s is still at work: %w", token, context.Cause(ctx))
		}
	}
}

// inserting counts the inserts that are at work on the server and for which a condition on system.processes holds.
func (w *writer) inserting(ctx context.Context, condition string) (running uint64, err error) {
	var n proto.ColUInt64
	err = w.ask(ctx, "SELECT count() AS n FROM system.processes WHERE query_kind = 'Insert' AND "+condition,
		proto.Results{{Name: "n", Data: &n}}, func() { running += n.Row(0) })
	if err != nil {
		return 0, fmt.Errorf("see whether an earlier insert is still at work (needs the right SELECT ON system.processes): %w", err)
	}
	return running, nil
}

// ask runs a query on the writer's own connection, to the server that knows the token; each is called for every block of
// its answer. After an error the connection is given up.
func (w *writer) ask(ctx context.Context, query string, into proto.Results, each func()) error {
	return w.askWith(ctx, query, nil, into, each)
}

func (w *writer) askWith(ctx context.Context, query string, params map[string]any, into proto.Results, each func()) error {
	conn := w.conn
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	q := ch.Query{
		Body:       query,
		Parameters: ch.Parameters(params),
		Result:     into,
		OnResult: func(_ context.Context, b proto.Block) error {
			if b.Rows > 0 {
				each()
			}
			return nil
		},
		Settings: []ch.Setting{
			{Key: "log_comment", Value: "leadline write again"},
			ch.SettingInt("low_cardinality_allow_in_native_format", 0), // names come as plain strings
		},
	}
	if err := conn.Do(ctx, q); err != nil {
		w.drop()
		return err
	}
	return nil
}

// literal makes any bytes a string of SQL.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

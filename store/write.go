package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"

	"leadline/latency"
)

// writeTimeout bounds one Write: dialing, sending and ClickHouse's answer for each table.
const writeTimeout = 2 * time.Minute

// with lends a connected writer. Its error says so where ctx or the DB has ended.
func (d *DB) with(ctx context.Context, do func(context.Context, *writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.life, cancel)()

	var w *writer
	select {
	case w = <-d.writers:
		defer func() { d.writers <- w }()
	case <-ctx.Done():
		return d.ended(ctx)
	}
	err := w.connect(ctx, d)
	if err == nil {
		err = do(ctx, w)
	}
	if err == nil {
		return nil
	}
	if why := d.ended(ctx); why != nil {
		return fmt.Errorf("%w: %w", why, err)
	}
	return err
}

// ended says why ctx is over, and nil when it is not.
func (d *DB) ended(ctx context.Context) error {
	if d.closed() {
		return ErrClosed
	}
	if end, ok := ctx.Deadline(); ok && !time.Now().Before(end) {
		<-ctx.Done() // a connection notices its deadline a moment before the context does
	}
	return context.Cause(ctx)
}

// writer is one connection with the columns that no block has; both last from batch to batch.
type writer struct {
	conn     *ch.Client // nil before the first batch and after an error
	dialed   time.Time
	rollup   *rollup
	rejected *rejected
}

func newWriter() *writer { return &writer{rollup: newRollup("minute"), rejected: newRejected()} }

func (w *writer) write(ctx context.Context, d *DB, b *block) error {
	if b.events.rows() > 0 {
		if err := w.writeEvents(ctx, d, b); err != nil {
			return err
		}
	}
	if len(b.rejected) > 0 {
		return w.writeRejected(ctx, d, b)
	}
	return nil
}

// writeEvents inserts the events before what they add up to: the rollup never knows an event that no table has.
func (w *writer) writeEvents(ctx context.Context, d *DB, b *block) error {
	defer d.uneven.begin()()
	days := func() []uint32 { return daysOf(slices.Values(b.events.receivedAt.ColInt64)) }
	err := w.put(ctx, d, b.token, &share{
		table: "events", rows: b.events.input, days: days,
		only: func(take func(uint32) bool) proto.Input {
			some := newEvents(d.opt.Host)
			some.pick(b.events, take)
			return some.input
		},
		absent: func(ctx context.Context, day uint32) (bool, error) { return w.eventsAbsent(ctx, b, day) },
	})
	if err != nil {
		return err
	}
	defer w.rollup.reset()
	w.rollup.count(b.events, all)
	return w.put(ctx, d, b.token, &share{
		table: "latency_1m", rows: w.rollup.input, days: days,
		only: func(take func(uint32) bool) proto.Input {
			some := newRollup("minute")
			some.count(b.events, take)
			return some.input
		},
		absent: func(ctx context.Context, day uint32) (bool, error) { return w.minutesAbsent(ctx, d, b, day) },
	})
}

func (w *writer) writeRejected(ctx context.Context, d *DB, b *block) error {
	defer w.rejected.input.Reset()
	w.rejected.fill(b.rejected, all)
	return w.put(ctx, d, b.token, &share{
		table: "rejected", rows: w.rejected.input,
		only: func(take func(uint32) bool) proto.Input {
			some := newRejected()
			some.fill(b.rejected, take)
			return some.input
		},
		days: func() []uint32 {
			return daysOf(func(yield func(int64) bool) {
				for i := range b.rejected {
					if !yield(latency.Micros(b.rejected[i].ReceivedAt)) {
						return
					}
				}
			})
		},
		absent: func(ctx context.Context, day uint32) (bool, error) { return w.rejectedAbsent(ctx, b, day) },
	})
}

// giveWay lets others run between two stretches of a batch, which is long work on a core: Go takes a core away after
// 10 ms at the earliest, and requests wait meanwhile.
func giveWay(i int) {
	const stretch = 1024 // rows, less than a millisecond
	if i%stretch == 0 {
		runtime.Gosched()
	}
}

// insert sends one block under a token, and reports whether the server knew the token for any of its partitions and left
// those rows out. After an error the connection is given up: the server may still be reading the block that it refused.
func (w *writer) insert(ctx context.Context, table, token string, input proto.Input) (known bool, err error) {
	// ch-go looks at ctx only between packets; closing is what frees it while it sends or waits.
	conn := w.conn
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	err = conn.Do(ctx, ch.Query{
		Body:  input.Into(table),
		Input: input,
		// Comes with the answer whether it is read or not: 50 counters, 10 µs an insert.
		OnProfileEvents: func(_ context.Context, events []ch.ProfileEvent) error {
			known = known || slices.ContainsFunc(events, leftOut)
			return nil
		},
		Settings: []ch.Setting{
			{Key: "insert_deduplication_token", Value: token, Important: true},
			ch.SettingInt("async_insert", 0), // on by default since 26.2: an answer before the rows are there
			ch.SettingInt("insert_deduplicate", 1),
			{Key: "deduplicate_insert", Value: "enable"}, // overrides the former where the server knows it
			ch.SettingInt("send_profile_events", 1),
			ch.SettingInt("max_threads", 1),             // one block: handing it to another thread costs 2 ms and wins nothing
			ch.SettingInt("insert_distributed_sync", 1), // on a cluster: all shards have it before the answer
			ch.SettingInt("max_partitions_per_insert_block", 0),
			ch.SettingInt("optimize_on_insert", 0), // a batch's rollup is summed up already; summing again doubles its cost
			{Key: "log_comment", Value: comment(table)},
		},
	})
	if err != nil {
		w.drop()
		return known, fmt.Errorf("table %s: %w", table, err)
	}
	return known, nil
}

// comment marks the inserts into a table in ClickHouse's lists of queries.
func comment(table string) string { return "leadline write " + table }

func leftOut(e ch.ProfileEvent) bool { return e.Name == "DuplicatedInsertedBlocks" && e.Value > 0 }

// connect makes sure of a connection that is not too old, at the first address that answers.
func (w *writer) connect(ctx context.Context, d *DB) error {
	if w.conn != nil && time.Since(w.dialed) < connLifetime {
		return nil
	}
	w.drop()
	var errs []error
	first := int(d.turn.Add(1))
	for i := range d.opt.Addrs {
		addr := d.opt.Addrs[(first+i)%len(d.opt.Addrs)]
		conn, err := d.opt.connect(ctx, addr)
		if err == nil {
			w.conn, w.dialed = conn, time.Now()
			return nil
		}
		errs = append(errs, fmt.Errorf("connect to %s: %w", addr, err))
	}
	return errors.Join(errs...)
}

// connect dials here because ch-go's own Dial leaves the socket open when the server does not answer its hello.
func (o *Options) connect(ctx context.Context, addr string) (*ch.Client, error) {
	plain := &net.Dialer{Timeout: dialTimeout}
	dial := plain.DialContext
	if o.TLS != nil {
		dial = (&tls.Dialer{NetDialer: plain, Config: o.TLS}).DialContext
	}
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	opt := ch.Options{
		Database: o.Database, User: o.Username, Password: o.Password, ClientName: "leadline",
		HandshakeTimeout: dialTimeout,
		ReadTimeout:      ch.NoTimeout, // an insert answers when it is done: ctx bounds it
	}
	if o.Compress {
		opt.Compression = ch.CompressionLZ4
	}
	client, err := ch.Connect(ctx, conn, opt)
	if err != nil {
		_ = conn.Close() // closed already where the context ended
		return nil, err
	}
	return client, nil
}

// drop closes the connection, if there is one.
func (w *writer) drop() {
	if w.conn != nil {
		_ = w.conn.Close() // closed already where the context ended
		w.conn = nil
	}
}

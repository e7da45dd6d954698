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

	"leadline"
)

// writeTimeout bounds one Write: dialing, sending and ClickHouse's answer for each table.
const writeTimeout = 2 * time.Minute

// Write stores a batch: its events in events, what their stages took in latency_1m and latency_1h, its rejected items in
// rejected, each as one block under a token of its own. When it returns nil ClickHouse has all of it.
//
// After an error the batch may be stored, in part or not at all: call Write again with the same token and the same
// records until it returns nil, and there is one copy of each, also when the records' timings, countries and outcomes
// have changed in between. (The first copy stays: a rollup may then count an event under the minute of one try while
// its row has the stored_at of another, but never twice.) ClickHouse remembers the last 10,000 tokens of a table.
// Permanent tells the errors for which calling again is no use. Write keeps nothing of the batch.
//
// Tables that are not replicated want one Leadline, which begins a batch when the one before is stored (put, rollupAbsent).
// The ClickHouse user needs the right SELECT ON system.processes.
func (d *DB) Write(ctx context.Context, b *leadline.Batch) error {
	if b.Token == "" {
		panic("BUG: a batch without a token would be stored again by a retry")
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := d.with(ctx, func(ctx context.Context, w *writer) error { return w.write(ctx, d, b) }); err != nil {
		return fmt.Errorf("write %d events and %d rejected to ClickHouse: %w", len(b.Events), len(b.Rejected), err)
	}
	return nil
}

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

// writer is one connection with the columns that it sends; both last from batch to batch.
type writer struct {
	conn     *ch.Client // nil before the first batch and after an error
	dialed   time.Time
	events   *events
	rollup   *rollup
	rejected *rejected
}

func newWriter(host string) *writer {
	return &writer{events: newEvents(host), rollup: newRollup(), rejected: newRejected()}
}

func (w *writer) write(ctx context.Context, d *DB, b *leadline.Batch) error {
	if len(b.Events) > 0 {
		if err := w.writeEvents(ctx, d, b); err != nil {
			return err
		}
	}
	if len(b.Rejected) > 0 {
		return w.writeRejected(ctx, d, b)
	}
	return nil
}

// writeEvents inserts the events before what they add up to: a rollup never knows an event that no table has.
func (w *writer) writeEvents(ctx context.Context, d *DB, b *leadline.Batch) error {
	defer w.events.input.Reset()
	defer w.rollup.reset()
	defer d.uneven.begin()()
	for i := range b.Events {
		giveWay(i)
		w.events.add(&b.Events[i])
		w.rollup.add(&b.Events[i])
	}
	days := func() []uint32 {
		return daysOf(len(b.Events), func(i int) time.Time { return b.Events[i].ReceivedAt })
	}
	err := w.put(ctx, d, b.Token, &share{
		table: "events", input: w.events.input, days: days,
		fill:   func(take func(uint32) bool) { w.events.fill(b.Events, take) },
		absent: func(ctx context.Context, day uint32) (bool, error) { return w.eventsAbsent(ctx, b, day) },
	})
	if err != nil {
		return err
	}
	w.rollup.fill()
	for _, r := range []struct {
		table string
		input proto.Input
	}{{"latency_1m", w.rollup.byMin}, {"latency_1h", w.rollup.byHour}} {
		err := w.put(ctx, d, b.Token, &share{
			table: r.table, input: r.input, days: days,
			fill:   func(take func(uint32) bool) { w.rollup.refill(b.Events, take) },
			absent: func(ctx context.Context, day uint32) (bool, error) { return w.rollupAbsent(ctx, d, r.table, b, day) },
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) writeRejected(ctx context.Context, d *DB, b *leadline.Batch) error {
	defer w.rejected.input.Reset()
	w.rejected.fill(b.Rejected, all)
	return w.put(ctx, d, b.Token, &share{
		table: "rejected", input: w.rejected.input,
		days: func() []uint32 {
			return daysOf(len(b.Rejected), func(i int) time.Time { return b.Rejected[i].ReceivedAt })
		},
		fill:   func(take func(uint32) bool) { w.rejected.fill(b.Rejected, take) },
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
			{Key: "log_comment", Value: "leadline write " + table},
		},
	})
	if err != nil {
		w.drop()
		return known, fmt.Errorf("table %s: %w", table, err)
	}
	return known, nil
}

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

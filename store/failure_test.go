package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
)

func count(t *testing.T, db *chtest.DB, want string) {
	t.Helper()
	if got := db.Query(t, "SELECT count(), uniqExact(partner, id) FROM events"); got != want {
		t.Errorf("rows, events: %s, want %s", got, want)
	}
}

// The connection dies after so many bytes; the next Write leaves exactly one copy, whatever came of the first.
func TestWriteAfterACutConnection(t *testing.T) {
	t.Parallel()
	f := func(after int64) {
		t.Helper()
		_, db := migrated(t)
		r := newRelay(t, db.Native)
		d := open(t, db, func(o *Options) { o.Addrs = []string{r.addr()} })
		b := newRush(1, noon, time.Millisecond).batch(5000)
		r.cutAfter.Store(after)
		err := d.Write(context.Background(), b)
		if err == nil || Permanent(err) {
			t.Errorf("cut after %d bytes: %v", after, err)
		}
		r.heal()
		write(t, d, b)
		count(t, db, "5000\t5000")
	}
	f(0)
	f(10)
	f(1000)
	f(100_000)
	f(2_000_000)
}

// ClickHouse has the batch, but its answer is lost.
func TestWriteAfterALostAnswer(t *testing.T) {
	t.Parallel()
	_, db := migrated(t)
	r := newRelay(t, db.Native)
	d := open(t, db, func(o *Options) { o.Addrs = []string{r.addr()} })
	b := newRush(1, noon, time.Millisecond).batch(5000)
	r.deafAt.Store(100_000)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- d.Write(ctx, b) }()
	for end := time.Now().Add(10 * time.Second); db.Query(t, "SELECT count() FROM events") != "5000"; {
		if time.Now().After(end) {
			t.Fatal("the batch never arrived")
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || Permanent(err) {
		t.Error(err)
	}
	r.heal()
	write(t, d, b)
	count(t, db, "5000\t5000")
}

func TestWriteUnavailable(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never says a word
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	_, db := migrated(t)
	b := newRush(1, noon, time.Millisecond).batch(10)

	f := func(ctx context.Context, within time.Duration, change func(*Options), want string) {
		t.Helper()
		d := open(t, db, change)
		begin := time.Now()
		err := d.Write(ctx, b)
		if err == nil || Permanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
		if took := time.Since(begin); took > within {
			t.Errorf("%s: took %v", want, took)
		}
	}
	ctx := context.Background()
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	f(ctx, time.Second, func(o *Options) { o.Addrs = []string{closed.Addr().String()} }, "connection refused")
	f(short, time.Second, func(o *Options) { o.Addrs = []string{silent.Addr().String()} }, "context deadline exceeded")
	f(ctx, 5*time.Second, func(o *Options) { o.Addrs = []string{silent.Addr().String()} }, "handshake")
	f(ctx, 5*time.Second, func(o *Options) { o.Password = "wrong" }, "Authentication failed")
	f(ctx, 5*time.Second, func(o *Options) { o.Database = "absent" }, "Database absent does not exist")
	count(t, db, "0\t0")

	d := open(t, db, func(o *Options) { o.Addrs = []string{closed.Addr().String(), db.Native} })
	for i := range 4 {
		b.Token = fmt.Sprint(i)
		write(t, d, b)
		(<-d.writers).drop()
		d.writers <- newWriter()
	}
}

func TestWriteCancelled(t *testing.T) {
	t.Parallel()
	_, db := migrated(t)
	r := newRelay(t, db.Native)
	d := open(t, db, func(o *Options) { o.Addrs = []string{r.addr()} })
	b := newRush(1, noon, time.Millisecond).batch(1000)

	before, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Write(before, b); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	count(t, db, "0\t0")

	r.deafAt.Store(0) // the server's answers never come
	during, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := d.Write(during, b); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("came back after %v", took)
	}
	r.heal()
	write(t, d, b)
	count(t, db, "1000\t1000")
}

func TestCloseEndsAWrite(t *testing.T) {
	t.Parallel()
	_, db := migrated(t)
	r := newRelay(t, db.Native)
	r.deafAt.Store(1000)
	d := open(t, db, func(o *Options) { o.Addrs = []string{r.addr()} })
	ended := make(chan error)
	go func() { ended <- d.Write(context.Background(), newRush(1, noon, time.Millisecond).batch(1000)) }()
	for len(d.writers) == writers { // until it has begun
		time.Sleep(time.Millisecond)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	ctx := context.Background()
	if err := d.Write(ctx, &leadline.Batch{Token: "t"}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := d.Select(ctx, leadline.Query{SQL: "SELECT 1"}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := d.Migrate(ctx); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := d.Ping(ctx); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestPermanent(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	db.Exec(t, "ALTER TABLE events ADD CONSTRAINT known CHECK partner != 'poison'")
	err := d.Write(context.Background(), &leadline.Batch{Token: "t", Events: []leadline.Event{{Partner: "poison"}}})
	if !Permanent(err) {
		t.Errorf("a row that breaks a constraint: %v", err)
	}
	write(t, d, &leadline.Batch{Token: "u", Events: []leadline.Event{{Partner: "fine"}}}) // the writer goes on

	db.Exec(t, "DROP TABLE rejected")
	err = d.Write(context.Background(), &leadline.Batch{Token: "v", Rejected: []leadline.Rejected{{}}})
	if err == nil || Permanent(err) {
		t.Errorf("no table yet: %v", err)
	}
	if Permanent(nil) || Permanent(errors.New("x")) {
		t.Error("unknown errors are worth another try")
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	if err := d.Ping(context.Background()); err != nil {
		t.Error(err)
	}
	if err := open(t, db, func(o *Options) { o.Password = "wrong" }).Ping(context.Background()); err == nil {
		t.Error("no error with a wrong password")
	}
	if _, err := Open(context.Background(), Options{Addrs: []string{"x:1"}}); err == nil {
		t.Error("no error without a database")
	}
}

package store

import (
	"context"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/internal/chtest"
	"leadline/latency"
)

func selecting(t *testing.T) (*DB, *chtest.DB) {
	t.Helper()
	db := chtest.New(t)
	return open(t, db, nil), db
}

func TestSelectTypes(t *testing.T) {
	t.Parallel()
	d, _ := selecting(t)
	f := func(expr string, want any) {
		t.Helper()
		table, err := d.Select(context.Background(), leadline.Query{SQL: "SELECT " + expr + " AS x"})
		if err != nil {
			t.Errorf("%s: %v", expr, err)
			return
		}
		if d := cmp.Diff(&leadline.Table{Columns: []string{"x"}, Rows: [][]any{{want}}}, table); d != "" {
			t.Errorf("%s: %s", expr, d)
		}
	}
	f("'text'", "text")
	f("toLowCardinality('word')", "word")
	f("CAST('b' AS Enum8('a' = 1, 'b' = 2))", "b")
	f("toFixedString('ab', 3)", "ab\x00")
	f("toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')", "61f0c404-5cb3-11e7-907b-a6006ad3dba0")
	f("toIPv4('203.0.113.7')", "203.0.113.7")
	f("toIPv6('2001:db8::1')", "2001:db8::1")
	f("toDecimal64(1.25, 2)", "1.25")
	for _, kind := range []string{"Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"} {
		f("to"+kind+"(7)", int64(7))
	}
	f("toInt64(-9223372036854775808)", int64(math.MinInt64))
	f("toUInt64(9223372036854775807)", int64(math.MaxInt64))
	f("count()", int64(1))
	f("toFloat32(0.5)", 0.5)
	f("1 / 3", 1.0/3)
	f("1 / 0", math.Inf(1))
	f("true", true)
	f("toDateTime('2026-11-21 12:00:00', 'UTC')", noon)
	f("toDateTime('2026-11-21 13:00:00', 'Europe/Berlin')", noon)
	f("toDateTime64('2026-11-21 12:00:00.123456', 6, 'UTC')", noon.Add(123456*time.Microsecond))
	f("toDate('2026-11-21')", noon.Truncate(24*time.Hour))
	f("toNullable(toDateTime('2026-11-21 12:00:00', 'UTC'))", noon)
	f("toNullable(7)", int64(7))
	f("['a', 'b']", []string{"a", "b"})
	f("CAST(['a'] AS Array(LowCardinality(String)))", []string{"a"})
	f("CAST([] AS Array(String))", []string{})
	f("[1, 2]", []int64{1, 2})
	f("[1.5]", []float64{1.5})
	f("[true]", []bool{true})
	f("[toNullable(1)]", []int64{1})
	f("[toDateTime('2026-11-21 12:00:00', 'UTC')]", []time.Time{noon})
	f("getSetting('log_comment') || getSetting('readonly')::String || getSetting('max_execution_time')::String", "15")
}

func TestSelectNaN(t *testing.T) {
	t.Parallel()
	d, _ := selecting(t)
	table, err := d.Select(context.Background(), leadline.Query{SQL: "SELECT quantileTDigest(0.95)(number) FROM numbers(0)"})
	if err != nil || !math.IsNaN(table.Rows[0][0].(float64)) {
		t.Error(table, err)
	}
}

func TestSelectParams(t *testing.T) {
	t.Parallel()
	d, _ := selecting(t)
	f := func(kind string, in, want any) {
		t.Helper()
		q := leadline.Query{SQL: "SELECT {x:" + kind + "}", Params: map[string]any{"x": in}}
		table, err := d.Select(context.Background(), q)
		if err != nil {
			t.Errorf("%s %v: %v", kind, in, err)
			return
		}
		if d := cmp.Diff(want, table.Rows[0][0]); d != "" {
			t.Errorf("%s %v: %s", kind, in, d)
		}
	}
	for _, s := range []string{"", "plain", `'"\`, "a\tb\nc\r", "nul\x00", `\N`, "NULL", "бот", "%_{x:String}", `\'; DROP TABLE x`} {
		f("String", s, s)
		f("Array(String)", []string{s, s}, []string{s, s})
	}
	f("Array(String)", []string{}, []string{})
	f("Int64", int64(math.MinInt64), int64(math.MinInt64))
	f("UInt64", int64(5), int64(5))
	f("Float64", 0.1+0.2, 0.1+0.2)
	f("Float64", 1e300, 1e300)
	f("Float64", math.Inf(-1), math.Inf(-1))
	micro := noon.Add(123456 * time.Microsecond)
	f("DateTime64(6, 'UTC')", micro.Add(789*time.Nanosecond), micro)
	f("DateTime64(6, 'Asia/Tokyo')", micro.In(time.FixedZone("odd", 20700)), micro)
	f("DateTime64(3, 'UTC')", micro, noon.Add(123*time.Millisecond))
	f("DateTime64(6, 'UTC')", noon, noon)
	f("DateTime('UTC')", noon, noon)
	f("DateTime64(6, 'UTC')", time.Time{}, time.Unix(10_000, 0).UTC())
	f("DateTime('UTC')", time.Unix(0, 0), time.Unix(10_000, 0).UTC())
	f("DateTime64(6, 'UTC')", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.UnixMicro(latency.Last).UTC())

	for _, bad := range []any{nil, 1, true, []int64{1}, &micro} {
		if _, err := d.Select(context.Background(), leadline.Query{Name: "q", SQL: "SELECT 1", Params: map[string]any{"x": bad}}); err == nil || !strings.Contains(err.Error(), "select q: parameter x") {
			t.Errorf("%T: error %v", bad, err)
		}
	}
}

func TestSelectRefuses(t *testing.T) {
	t.Parallel()
	d, db := selecting(t)
	db.Exec(t, "CREATE TABLE x (n UInt64) ENGINE = MergeTree ORDER BY n AS SELECT 1")
	f := func(query, want string) {
		t.Helper()
		begin := time.Now()
		table, err := d.Select(context.Background(), leadline.Query{Name: "probe", SQL: query, Timeout: 300 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "select probe: ") || table != nil {
			t.Errorf("%s: %v, error %v, want %q", query, table, err, want)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%s: took %v", query, took)
		}
	}
	f("INSERT INTO x SELECT 2", "readonly")
	f("DROP TABLE x", "readonly")
	f("CREATE TABLE y (n UInt64) ENGINE = Memory", "readonly")
	f("SET max_execution_time = 60", "readonly")
	f("SELECT 1 SETTINGS max_result_rows = 0", "readonly")
	f("SELECT * FROM file('/etc/passwd', 'LineAsString')", "readonly")
	f("SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", "readonly")
	f("SELECT * FROM remote('127.0.0.1', system.one)", "readonly")
	f("SELECT sum(cityHash64(number)) FROM numbers(1000000000000)", "") // by the server, or soon after by the client
	f("SELECT sleepEachRow(1) FROM numbers(3)", "")
	f("SELECT number FROM numbers(100001)", "Limit for result exceeded, max rows")
	f("SELECT throwIf(number = 90000) FROM numbers(100000) SETTINGS max_block_size = 1000", "readonly")
	f("SELECT throwIf(number = 90000) FROM numbers_mt(100000)", "throwIf")
	f("SELECT absent", "absent")
	f("SELECT NULL AS x", "column x: NULL has no form")
	f("SELECT [NULL, 1] AS x", "column x: NULL has no form")
	f("SELECT 18446744073709551615 AS x", "column x: 18446744073709551615 is beyond int64")
	f("SELECT [toUInt64(-1)] AS x", "beyond int64")
	f("SELECT [['a']] AS x", "an array of arrays")
	f("SELECT map('a', 1) AS x", "has no form in a table")
	f("SELECT (1, 2) AS x", "")
	if n := db.Query(t, "SELECT count() FROM x"); n != "1" {
		t.Errorf("table x has %s rows", n)
	}
}

func TestSelectCancelled(t *testing.T) {
	t.Parallel()
	d, db := selecting(t)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := d.Select(ctx, leadline.Query{SQL: "SELECT sum(cityHash64(number)) FROM numbers(1000000000000)", Timeout: time.Minute})
	if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took > time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if table, err := d.Select(context.Background(), leadline.Query{SQL: "SELECT 1"}); err != nil || table.Rows[0][0] != int64(1) {
		t.Error(table, err)
	}

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	lost := open(t, db, func(o *Options) { o.Addrs = []string{silent.Addr().String()} })
	begin = time.Now()
	_, err = lost.Select(context.Background(), leadline.Query{SQL: "SELECT 1"})
	if took := time.Since(begin); err == nil || took > 2*dialTimeout {
		t.Errorf("%v after %v", err, took)
	}
}

// Rules that ask for much at once wait for each other and never for an insert.
func TestReadersLeaveRoomForWrites(t *testing.T) {
	t.Parallel()
	d, _ := migrated(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	for range 2 * readers {
		go func() {
			_, err := d.Select(ctx, leadline.Query{SQL: "SELECT sleepEachRow(0.5) FROM numbers(60) SETTINGS max_block_size = 1", Timeout: time.Minute})
			ended <- err
		}()
	}
	begin := time.Now()
	write(t, d, newRush(1, noon, time.Millisecond).batch(100))
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the insert took %v", took)
	}
	cancel()
	for range 2 * readers {
		<-ended
	}
}

package schema

import (
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

func number(t *testing.T, text string) Number {
	t.Helper()
	var sc Scanner
	sc.Begin([]byte(text))
	n, _ := sc.Number()
	if err := sc.End(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

// TestNumberIsExact compares with big.Rat on numbers whose digits, points and exponents meet in every way.
func TestNumberIsExact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 1))
	digits := func(most int) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteByte("0000019999235"[r.IntN(13)])
		}
		return b.String()
	}
	write := func() string {
		s := strings.TrimLeft(digits(24), "0")
		if s == "" {
			s = "0"
		}
		if r.IntN(2) == 0 {
			s = "-" + s
		}
		if r.IntN(2) == 0 {
			s += "." + digits(24)
		}
		if r.IntN(3) == 0 {
			s += "e" + strconv.Itoa(r.IntN(60)-30)
		}
		return s
	}
	last := "0"
	for range 100_000 {
		text := write()
		switch r.IntN(6) {
		case 0: // the same value, written otherwise
			if !strings.ContainsAny(last, ".e") {
				text = last + ".000"
			}
		case 1: // a neighbour in the last place
			if !strings.ContainsAny(last, "e") && strings.Contains(last, ".") {
				text = last + "1"
			}
		}
		a, b := number(t, last), number(t, text)
		ra, _ := new(big.Rat).SetString(last)
		rb, _ := new(big.Rat).SetString(text)
		if got, want := sign(a.cmp(&b)), ra.Cmp(rb); got != want {
			t.Fatalf("%s <=> %s: got %d, want %d", last, text, got, want)
		}
		if got, want := a.fingerprint() == b.fingerprint(), ra.Cmp(rb) == 0; got != want {
			t.Fatalf("fingerprints of %s and %s are equal: %v", last, text, got)
		}
		if got, want := b.Integer(), rb.IsInt(); got != want {
			t.Fatalf("%s is an integer: %v", text, got)
		}
		i, ok := b.Int64()
		if ok && new(big.Rat).SetInt64(i).Cmp(rb) != 0 || !ok && b.exact && rb.IsInt() && rb.Num().IsInt64() {
			t.Fatalf("%s as int64: %d, %v", text, i, ok)
		}
		divisorAgrees(t, text, rb, r)
		last = text
	}
}

func divisorAgrees(t *testing.T, text string, exact *big.Rat, r *rand.Rand) {
	t.Helper()
	by := []string{"1", "2", "0.5", "3", "0.01", "1e2", "7e-3", "0.123456789", "99", "1e-18", "123456789012345678", "2.50", "1e20"}[r.IntN(13)]
	c := &compiler{}
	d := c.divisor(&value{kind: KindNumber, number: number(t, by), raw: []byte(by)})
	if d == nil {
		t.Fatalf("%s is no divisor: %v", by, c.errs)
	}
	rb, _ := new(big.Rat).SetString(by)
	n := number(t, text)
	if got, want := d.divides(&n), new(big.Rat).Quo(exact, rb).IsInt(); got != want {
		t.Fatalf("%s is a multiple of %s: got %v, want %v", text, by, got, want)
	}
}

func sign(i int) int { return max(-1, min(1, i)) }

func TestNumberInt64(t *testing.T) {
	t.Parallel()
	f := func(text string, want int64, ok bool) {
		t.Helper()
		n := number(t, text)
		if got, k := n.Int64(); got != want || k != ok {
			t.Errorf("%s: got %d, %v", text, got, k)
		}
	}
	f("0", 0, true)
	f("-0", 0, true)
	f("0.0e9", 0, true)
	f("1.50e1", 15, true)
	f("1.5", 0, false)
	f("1e18", 1e18, true)
	f("1e19", 0, false)
	f("9223372036854775807", 1<<63-1, true)
	f("9223372036854775808", 0, false)
	f("-9223372036854775808", -1<<63, true)
	f("-9223372036854775809", 0, false)
	f("99999999999999999999", 0, false)
	f("1e999999999999999999999", 0, false)
	f("1e-999999999999999999999", 0, false)
}

// The short way of comparing integers with bounds ends where it cannot tell.
func TestBoundsOfIntegers(t *testing.T) {
	t.Parallel()
	f := func(schema, doc string, want bool) {
		t.Helper()
		if got := compiled(t, schema).Check([]byte(doc), nil); got != want {
			t.Errorf("%s, %s: got %v", schema, doc, got)
		}
	}
	const least, most = "-9223372036854775808", "9223372036854775807"
	f(`{"minimum":5,"maximum":7}`, `5`, true)
	f(`{"minimum":5,"maximum":7}`, `7`, true)
	f(`{"minimum":5,"maximum":7}`, `4`, false)
	f(`{"minimum":5,"maximum":7}`, `8`, false)
	f(`{"minimum":5,"maximum":7}`, `-6`, false)
	f(`{"exclusiveMinimum":5,"exclusiveMaximum":7}`, `6`, true)
	f(`{"exclusiveMinimum":5,"exclusiveMaximum":7}`, `5`, false)
	f(`{"exclusiveMinimum":5,"exclusiveMaximum":7}`, `7`, false)
	f(`{"minimum":5.5}`, `6`, true)
	f(`{"minimum":5.5}`, `5`, false)
	f(`{"minimum":-0.5,"maximum":1e1}`, `-0`, true)
	f(`{"minimum":-0.5,"maximum":1e1}`, `11`, false)
	f(`{"maximum":`+most+`}`, most, true)
	f(`{"maximum":`+most+`}`, `9223372036854775808`, false)
	f(`{"exclusiveMaximum":`+most+`}`, most, false)
	f(`{"exclusiveMaximum":`+most+`}`, `9223372036854775806`, true)
	f(`{"exclusiveMinimum":`+most+`}`, most, false)
	f(`{"exclusiveMinimum":`+most+`}`, `9223372036854775808`, true)
	f(`{"minimum":`+least+`}`, least, true)
	f(`{"minimum":`+least+`}`, `-9223372036854775809`, false)
	f(`{"exclusiveMinimum":`+least+`}`, least, false)
	f(`{"exclusiveMaximum":`+least+`}`, `-9223372036854775809`, true)
	f(`{"exclusiveMaximum":`+least+`}`, least, false)
	f(`{"minimum":-1e400,"maximum":1e400}`, `123456789012345678901234567890`, true)
	f(`{"maximum":0}`, `123456789012345678901234567890`, false)
	f(`{"type":"integer","maximum":0}`, `01`, false)
}

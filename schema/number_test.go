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

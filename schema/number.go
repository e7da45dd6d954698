package schema

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
)

// Number is a JSON number as it was written, and its exact decimal value.
type Number struct {
	Raw []byte

	neg   bool
	plain bool   // neither a point nor an exponent
	exact bool   // value = mant × 10^exp
	mant  uint64 // below 10¹⁹
	exp   int
}

const maxExponent = 1 << 30 // larger ones count as this one

// Number reads a number.
func (s *Scanner) Number() (n Number, ok bool) {
	ok = s.number(&n)
	return n, ok
}

// number reads a number into n, where nobody has to copy it from, and leaves n alone where there is none.
func (s *Scanner) number(n *Number) bool {
	if kindOf[s.peek()] != KindNumber {
		return s.fail("expected a number")
	}
	d, i := s.data, s.pos
	neg := d[i] == '-'
	if neg {
		i++
	}
	from, mant := i, uint64(0)
	for ; i < len(d) && d[i]-'0' <= 9; i++ {
		mant = mant*10 + uint64(d[i]-'0')
	}
	if size := i - from; size == 0 || size > mantDigits || size > 1 && d[from] == '0' || i < len(d) && (d[i] == '.' || d[i]|0x20 == 'e') {
		return s.longNumber(n, neg, from)
	}
	n.Raw, n.neg, n.plain, n.exact, n.mant, n.exp = d[s.pos:i], neg, true, true, mant, 0
	s.pos = i
	return true
}

// mantDigits is how many digits a mantissa holds, whatever they are.
const mantDigits = 18

// longNumber is number where it is no integer of a few digits. They begin at from.
func (s *Scanner) longNumber(n *Number, neg bool, from int) bool {
	d, i := s.data, from
	mant, exact := uint64(0), true
	if i < len(d) && d[i] == '0' {
		i++
	} else {
		mant, exact, i = digits(0, true, d, i)
	}
	if i == from {
		return s.failAt(i, "expected a digit")
	}
	plain, exp := true, 0
	if i < len(d) && d[i] == '.' {
		plain = false
		i++
		from = i
		if mant, exact, i = digits(mant, exact, d, i); i == from {
			return s.failAt(i, "expected a digit after the point")
		}
		exp = from - i
	}
	if i < len(d) && d[i]|0x20 == 'e' {
		plain = false
		i++
		sign := 1
		if i < len(d) && (d[i] == '-' || d[i] == '+') {
			if d[i] == '-' {
				sign = -1
			}
			i++
		}
		from = i
		e := 0
		for ; i < len(d) && d[i]-'0' <= 9; i++ {
			e = min(e*10+int(d[i]-'0'), maxExponent)
		}
		if i == from {
			return s.failAt(i, "expected a digit in the exponent")
		}
		exp += sign * e
	}
	n.Raw, n.neg, n.plain, n.exact, n.mant, n.exp = d[s.pos:i], neg, plain, exact, mant, exp
	s.pos = i
	return true
}

// digits reads a run of digits into a mantissa, as long as it can hold them exactly, and returns where it ends.
func digits(m uint64, exact bool, d []byte, i int) (mant uint64, still bool, end int) {
	for ; i < len(d) && d[i]-'0' <= 9; i++ {
		if m >= 1e18 {
			exact = false
			continue
		}
		m = m*10 + uint64(d[i]-'0')
	}
	return m, exact, i
}

func (s *Scanner) failAt(i int, what string) bool {
	s.pos = i
	return s.fail(what)
}

// Int64 is the value where it is an integer that fits; 1.0 and 1e3 are integers, as JSON Schema has it.
func (n *Number) Int64() (int64, bool) {
	m, e := n.mant, n.exp
	for ; e < 0 && m%10 == 0 && m != 0; e++ {
		m /= 10
	}
	switch {
	case !n.exact:
		return 0, false
	case m == 0:
		return 0, true
	case e < 0 || e > 18:
		return 0, false
	}
	hi, lo := bits.Mul64(m, pow10[e])
	switch {
	case hi != 0 || lo > 1<<63 || lo == 1<<63 && !n.neg:
		return 0, false
	case n.neg:
		return -int64(lo), true
	}
	return int64(lo), true
}

// whole is the value of a number that is written as an integer and is not too large.
func (n *Number) whole() (v int64, ok bool) {
	v = int64(n.mant)
	if n.neg {
		v = -v
	}
	return v, n.plain && n.exact && n.mant <= math.MaxInt64
}

// Float64 is the nearest float64; ±Inf where there is none.
func (n *Number) Float64() float64 {
	f, _ := strconv.ParseFloat(view(n.Raw), 64) // the only error left is the range, and ±Inf says so
	return f
}

// Integer reports whether the value has no fraction.
func (n *Number) Integer() bool {
	return n.plain || n.span().low >= 0
}

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

// span is where the significant digits lie in Raw, and the powers of ten of the first and the last of them.
type span struct {
	from, to  int // to is behind the last digit; from == to: zero
	high, low int
}

func (n *Number) span() span {
	end := bytes.IndexAny(n.Raw, "eE")
	exp := 0
	if end < 0 {
		end = len(n.Raw)
	} else {
		exp = exponent(n.Raw[end+1:])
	}
	point := bytes.IndexByte(n.Raw[:end], '.')
	if point < 0 {
		point = end
	}
	place := func(i int) int {
		if i < point {
			return point - 1 - i + exp
		}
		return point - i + exp
	}
	from, to := -1, -1
	for i, c := range n.Raw[:end] {
		if c >= '1' && c <= '9' {
			if from < 0 {
				from = i
			}
			to = i
		}
	}
	if from < 0 {
		return span{}
	}
	return span{from, to + 1, place(from), place(to)}
}

func exponent(raw []byte) int {
	e := 0
	for _, c := range raw {
		if c >= '0' && c <= '9' {
			e = min(e*10+int(c-'0'), maxExponent)
		}
	}
	if raw[0] == '-' {
		return -e
	}
	return e
}

// cmp orders two numbers by their exact values.
func (n *Number) cmp(m *Number) int {
	if n.exact && m.exact {
		if c, ok := n.cmpSmall(m); ok {
			return c
		}
	}
	a, b := n.span(), m.span()
	as, bs := n.sign(a), m.sign(b)
	if as != bs || as == 0 {
		return as - bs
	}
	if a.high != b.high {
		if a.high > b.high {
			return as
		}
		return -as
	}
	x, y := n.Raw[a.from:a.to], m.Raw[b.from:b.to]
	for len(x) > 0 || len(y) > 0 {
		var p, q byte
		p, x = digit(x)
		q, y = digit(y)
		if p != q {
			return as * (int(p) - int(q))
		}
	}
	return 0
}

// cmpSmall compares where scaling one mantissa to the other's exponent needs at most 128 bits.
func (n *Number) cmpSmall(m *Number) (int, bool) {
	if n.neg != m.neg {
		if n.mant|m.mant == 0 {
			return 0, true
		}
		if n.neg {
			return -1, true
		}
		return 1, true
	}
	d := n.exp - m.exp
	if d > 19 || d < -19 {
		return 0, false
	}
	var ah, al, bh, bl uint64
	if d >= 0 {
		ah, al = bits.Mul64(n.mant, pow10[d])
		bl = m.mant
	} else {
		al = n.mant
		bh, bl = bits.Mul64(m.mant, pow10[-d])
	}
	c := 0
	switch {
	case ah > bh || ah == bh && al > bl:
		c = 1
	case ah < bh || al < bl:
		c = -1
	}
	if n.neg {
		c = -c
	}
	return c, true
}

func (n *Number) sign(s span) int {
	switch {
	case s.from == s.to:
		return 0
	case n.neg:
		return -1
	}
	return 1
}

// digit takes the first digit off b, 0 where there is none left.
func digit(b []byte) (byte, []byte) {
	if len(b) > 0 && b[0] == '.' {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, nil
	}
	return b[0] - '0', b[1:]
}

// divisor is a multipleOf: mant × 10^exp, mant below 10¹⁸ and not a multiple of ten.
type divisor struct {
	mant uint64
	exp  int
	want string
}

// divides reports whether n is a multiple, exactly. With n = x × 10^low, x not a multiple of ten: low < exp cannot be,
// otherwise x × 10^(low-exp) mod mant decides, in modular arithmetic, however long n is.
func (d *divisor) divides(n *Number) bool {
	s := n.span()
	if s.from == s.to {
		return true
	}
	if s.low < d.exp {
		return false
	}
	var r uint64
	for x := n.Raw[s.from:s.to]; len(x) > 0; {
		var c byte
		c, x = digit(x)
		r = (r*10 + uint64(c)) % d.mant
	}
	for base, k := 10%d.mant, s.low-d.exp; k > 0 && r != 0; k >>= 1 {
		if k&1 == 1 {
			r = mulmod(r, base, d.mant)
		}
		base = mulmod(base, base, d.mant)
	}
	return r == 0
}

func mulmod(a, b, m uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, rem := bits.Div64(hi, lo, m) // hi < m, as a and b are
	return rem
}

package rules

import (
	"math"
	"strconv"
	"strings"
)

const noValue = "no value"

// FormatMS writes milliseconds as a person reads them: 7.3 ms, 640 ms, 1.94 s, 75 s.
func FormatMS(v float64) string {
	switch {
	case !defined(v):
		return noValue
	case math.Abs(v) < 9.95:
		return decimals(v, 1) + " ms"
	case math.Abs(v) < 999.5:
		return decimals(v, 0) + " ms"
	case math.Abs(v) < 9_995:
		return decimals(v/1000, 2) + " s"
	case math.Abs(v) < 59_950:
		return decimals(v/1000, 1) + " s"
	default:
		return thousands(decimals(v/1000, 0)) + " s"
	}
}

// formatPercent writes a share of 1: 0.0213 is 2.1 %.
func formatPercent(v float64) string {
	switch {
	case !defined(v):
		return noValue
	case math.Abs(v) >= 0.0995:
		return decimals(100*v, 0) + " %"
	default:
		return decimals(100*v, 1) + " %"
	}
}

// FormatNumber writes counts whole and others with three digits: 12,345, 0.25.
func FormatNumber(v float64) string {
	switch {
	case !defined(v):
		return noValue
	case math.Abs(v) >= 1e15:
		return strconv.FormatFloat(v, 'g', 4, 64)
	case v == math.Trunc(v) || math.Abs(v) >= 100:
		return thousands(decimals(v, 0))
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

func decimals(v float64, n int) string { return strconv.FormatFloat(v, 'f', n, 64) }

// thousands puts commas between thousands of a whole number.
func thousands(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

package ruletest

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"leadline/source"
)

// maxSlots bounds a series: a month at the usual interval of 30 s.
const maxSlots = 100_000

// sample is what a series says at one slot: a number, nothing (NaN), or that the query failed.
type sample struct {
	value  float64
	failed bool
}

func (s sample) absent() bool { return math.IsNaN(s.value) }

const numeral = `(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?`

// The items of a series. The counts differ as they do in Prometheus: axn is a and n more, _xn is n slots.
var (
	numbers = regexp.MustCompile(`^([+-]?` + numeral + `)(?:([+-]` + numeral + `)?x(\d+))?$`)
	words   = regexp.MustCompile(`^(_|stale|error)(?:x(\d+))?$`)
)

// parseSeries reads Prometheus' notation of a series, one value a slot:
//
//	a          one value              _    no value            stale  no value
//	axn        a, and n times more    _xn  no value, n times   error  the query fails (errorxn: n times)
//	a+bxn      a, a+b, … a+n·b (n+1 values); a-bxn likewise
func parseSeries(p source.Passage) ([]sample, source.Errors) {
	var out []sample
	var errs source.Errors
	for at, item := range items(p.Text) {
		more, problem := expand(item)
		if problem == "" && len(out)+len(more) > maxSlots {
			problem = fmt.Sprintf("the series is longer than %d slots", maxSlots)
			more = nil
		}
		if problem != "" {
			errs = append(errs, p.At(at).Error(problem, "write values like '400x9 1900+50x4 _x3 stale error'"))
			continue
		}
		out = append(out, more...)
	}
	return out, errs
}

// items are the words of a text and where each begins, in characters.
func items(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		at := 0
		for text != "" {
			n := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsSpace(r) })
			if n < 0 {
				return
			}
			at += utf8.RuneCountInString(text[:n])
			text = text[n:]
			end := strings.IndexFunc(text, unicode.IsSpace)
			if end < 0 {
				end = len(text)
			}
			if !yield(at, text[:end]) {
				return
			}
			at += utf8.RuneCountInString(text[:end])
			text = text[end:]
		}
	}
}

func expand(item string) (out []sample, problem string) {
	if m := words.FindStringSubmatch(item); m != nil {
		n := 1
		if m[2] != "" {
			if n, problem = times(m[2]); problem != "" {
				return nil, problem
			}
		}
		for range n {
			out = append(out, sample{math.NaN(), m[1] == "error"})
		}
		return out, ""
	}
	m := numbers.FindStringSubmatch(item)
	if m == nil {
		return nil, fmt.Sprintf("%.40q is no value of a series", item)
	}
	n := 0
	if m[3] != "" {
		if n, problem = times(m[3]); problem != "" {
			return nil, problem
		}
	}
	first, err := strconv.ParseFloat(m[1], 64)
	step := 0.0
	if m[2] != "" && err == nil {
		step, err = strconv.ParseFloat(m[2], 64)
	}
	last := first + float64(n)*step
	if err != nil || math.IsInf(last, 0) || math.IsNaN(last) {
		return nil, fmt.Sprintf("%.40q is larger than any number", item)
	}
	for i := range n + 1 {
		out = append(out, sample{value: first + float64(i)*step})
	}
	return out, ""
}

func times(digits string) (n int, problem string) {
	n, err := strconv.Atoi(digits)
	if err != nil || n > maxSlots {
		return 0, fmt.Sprintf("the series is longer than %d slots", maxSlots)
	}
	return n, ""
}

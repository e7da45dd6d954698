package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"leadline/rules/measure"
	"leadline/source"
)

// The bounds of a query of the user's own: what ClickHouse may spend on it a slot.
const (
	ownTime  = 5 * time.Second
	maxTime  = 10 * time.Second
	ownBytes = 2 << 30
	maxBytes = 64 << 30
)

// custom reads the rule's own SQL, nil where it has none.
func (c *compiler) custom(s *ruleSpec) *measure.Custom {
	if s.SQL.Pos.IsZero() {
		for _, x := range []struct {
			name string
			at   source.Pos
		}{{"window", s.Window.Pos}, {"settings", s.Settings.Pos}} {
			if !x.at.IsZero() {
				c.fail(x.at, x.name+" of a rule belong to its sql", "give each measure its window, or remove it")
			}
		}
		return nil
	}
	if len(s.Measure) > 0 {
		c.fail(s.SQL.Pos, "both sql and measure are given", "keep one of them")
	}
	if s.Window.Pos.IsZero() {
		c.fail(s.SQL.Pos, "the sql has no window", "add window: 1h: it is what {from} and {to} say")
	}
	c.window(s.Window)
	text := c.sqlText(s.SQL)
	limit, read := s.Settings.MaxExecutionTime, s.Settings.MaxBytesToRead
	if !limit.Pos.IsZero() && (limit.Value < 1 || limit.Value > int(maxTime/time.Second)) {
		c.fail(limit.Pos, fmt.Sprintf("max_execution_time %d is not between 1 and %d seconds", limit.Value, maxTime/time.Second), "use 5")
	}
	if !read.Pos.IsZero() && (read.Value < 1 || read.Value > maxBytes) {
		c.fail(read.Pos, fmt.Sprintf("max_bytes_to_read %d is not between 1 and 64 GiB", read.Value), "use 2000000000")
	}
	return &measure.Custom{
		SQL: text, Window: s.Window.Value,
		Timeout:  cmp.Or(time.Duration(limit.Value)*time.Second, ownTime),
		MaxBytes: cmp.Or(read.Value, ownBytes),
	}
}

var (
	sqlSelect    = regexp.MustCompile(`(?i)^\s*(select|with)\b`)
	sqlParameter = regexp.MustCompile(`\{\s*(\w+)\s*:\s*([^}]*?)\s*\}`)
	sqlTime      = regexp.MustCompile(`^DateTime64\(\s*[0-9]\s*(,\s*'[^']*'\s*)?\)$|^DateTime64$|^DateTime(\('[^']*'\))?$`)
)

// sqlText is the one statement of a rule, with from and to as its only parameters.
func (c *compiler) sqlText(s source.At[string]) string {
	code, statements := sqlCode(s.Value)
	switch {
	case statements > 1:
		c.fail(s.Pos, fmt.Sprintf("the sql has %d statements", statements), "keep one SELECT")
	case !sqlSelect.MatchString(code):
		c.fail(s.Pos, "the sql is no SELECT", "begin it with SELECT or WITH")
	}
	given := map[string]bool{}
	for _, p := range sqlParameter.FindAllStringSubmatch(code, -1) {
		given[p[1]] = true
		switch {
		case p[1] != "from" && p[1] != "to":
			c.fail(s.Pos, fmt.Sprintf("there is no parameter {%s}", p[1]), "from and to are all there are")
		case !sqlTime.MatchString(p[2]):
			c.fail(s.Pos, fmt.Sprintf("the parameter {%s} is a time, not a %s", p[1], p[2]), fmt.Sprintf("write {%s:DateTime64(6)}", p[1]))
		}
	}
	for _, name := range []string{"from", "to"} {
		if !given[name] {
			c.fail(s.Pos, fmt.Sprintf("the sql has no {%s}: it would read all there is, each slot", name), "add stored_at >= {from:DateTime64(6)} AND stored_at < {to:DateTime64(6)}")
		}
	}
	return strings.TrimRight(s.Value, "; \t\r\n")
}

// sqlCode is a text without its comments, with empty quotes, and how many statements it has.
func sqlCode(text string) (code string, statements int) {
	var b strings.Builder
	begun := false
	for i := 0; i < len(text); {
		n := 1
		switch ch := text[i]; {
		case ch == '\'' || ch == '"' || ch == '`':
			n = quoted(text[i:], ch)
			b.WriteString(string(ch) + string(ch))
		case strings.HasPrefix(text[i:], "--") || ch == '#':
			n = until(text[i:], "\n")
			b.WriteByte(' ')
		case strings.HasPrefix(text[i:], "/*"):
			n = until(text[i:], "*/")
			b.WriteByte(' ')
		case ch == ';':
			begun = false
			b.WriteByte(ch)
		default:
			if !begun && !strings.ContainsRune(" \t\r\n", rune(ch)) {
				begun = true
				statements++
			}
			b.WriteByte(ch)
		}
		i += n
	}
	return b.String(), statements
}

// quoted is the length of a quoted text, in which the quote is doubled or escaped.
func quoted(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			if i+1 < len(s) && s[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(s)
}

// until is the length up to and with an end.
func until(s, end string) int {
	i := strings.Index(s, end)
	if i < 0 {
		return len(s)
	}
	return i + len(end)
}

package foreign

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/VictoriaMetrics/metricsql"

	"leadline/source"
)

// The guards of a query: the parser recurses, and expands its own templates, each of which can double the text.
const (
	maxQueryBytes = 16 << 10
	maxQueryDepth = 64
	maxRecordings = 64 // recording rules in one expression, those inside others included
)

var templates = regexp.MustCompile(`(?i)\b(with|ru|ttf)\s*\(`)

// refusal is why an expression has no counterpart.
type refusal struct {
	at       source.Pos
	what, do string
}

func (r *refusal) Error() string { return r.what }

// reader reads the queries of one rule or SLO.
type reader struct {
	table    Table
	recorded map[string]source.Passage // recording rules by name, as importer has them
	note     func(at source.Pos, what, do string)

	passage source.Passage // the query being read
	outer   source.Pos     // where the outermost query begins, while a recording rule is being read
	opened  *int           // how many recording rules have been put in
}

// at is the place of a word of the query, as far as it can be found.
func (r *reader) at(word string) source.Pos {
	if !r.outer.IsZero() {
		return r.outer
	}
	text := r.passage.Text
	for from := 0; word != "" && from < len(text); {
		i := strings.Index(text[from:], word)
		if i < 0 {
			break
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[i+len(word):])
		if !wordRune(before) && !wordRune(after) {
			return r.passage.At(utf8.RuneCountInString(text[:i]))
		}
		from = i + len(word)
	}
	return r.passage.At(0)
}

func wordRune(c rune) bool {
	return c == '_' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (r *reader) refuse(word, what, do string) error { return &refusal{r.at(word), what, do} }

// condition reads an alert's expression.
func (r *reader) condition(p source.Passage) (*condition, grouping, error) {
	r.passage = p
	tree, err := r.parse()
	if err != nil {
		return nil, grouping{}, err
	}
	c, g, err := r.truth(tree)
	if err == nil && !c.finite() {
		err = r.refuse("", "the expression compares with no number", "divide by something that is not 0")
	}
	return c, g, err
}

// number reads an expression that is no condition.
func (r *reader) number(p source.Passage) (value, error) {
	r.passage = p
	tree, err := r.parse()
	if err != nil {
		return value{}, err
	}
	return r.value(tree)
}

func (r *reader) parse() (e metricsql.Expr, err error) {
	text := r.passage.Text
	defer func() { // the text is the user's, the process is ours
		if p := recover(); p != nil {
			err = r.refuse("", fmt.Sprintf("the expression cannot be read: %v", p), "write it in another way")
		}
	}()
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		}
		if depth > maxQueryDepth {
			return nil, r.refuse("", fmt.Sprintf("brackets are nested deeper than %d", maxQueryDepth), "simplify the expression")
		}
	}
	switch {
	case len(text) > maxQueryBytes:
		return nil, r.refuse("", fmt.Sprintf("the expression has %d bytes", len(text)), fmt.Sprintf("keep it within %d", maxQueryBytes))
	case templates.MatchString(text):
		return nil, r.refuse("", "templates of MetricsQL are not read", "write the expression out")
	}
	if e, err = metricsql.Parse(text); err != nil {
		return nil, r.refuse("", "not PromQL: "+err.Error(), "correct it")
	}
	return e, nil
}

// truth reads what is true or false.
func (r *reader) truth(e metricsql.Expr) (*condition, grouping, error) {
	switch e := e.(type) {
	case *metricsql.BinaryOpExpr:
		switch op := strings.ToLower(e.Op); {
		case op == "and" || op == "or" || op == "unless":
			return r.joined(op, e)
		case turned[op] != "":
			return r.comparison(op, e)
		}
	case *metricsql.FuncExpr:
		if name := strings.ToLower(e.Name); name == "absent" || name == "absent_over_time" {
			return r.absent(e)
		}
	}
	return nil, grouping{}, r.refuse("", "there is nothing that could be true: "+excerpt(e), "compare it with a number, such as > 0")
}

func (r *reader) joined(op string, e *metricsql.BinaryOpExpr) (*condition, grouping, error) {
	left, g, err := r.truth(e.Left)
	if err != nil {
		return nil, g, err
	}
	right, h, err := r.truth(e.Right)
	if err != nil {
		return nil, g, err
	}
	if g, err = r.same(e.Op, g, h); err != nil {
		return nil, g, err
	}
	return &condition{op: op, left: left, right: right}, g, nil
}

func (r *reader) comparison(op string, e *metricsql.BinaryOpExpr) (*condition, grouping, error) {
	if e.Bool {
		return nil, grouping{}, r.refuse("bool", "a comparison with bool is a number", "compare without bool")
	}
	left, err := r.value(e.Left)
	if err != nil {
		return nil, grouping{}, err
	}
	right, err := r.value(e.Right)
	if err != nil {
		return nil, grouping{}, err
	}
	if left.isNumber() && right.isNumber() {
		return nil, grouping{}, r.refuse("", "only numbers are compared: "+excerpt(e), "compare a metric")
	}
	if left.buckets || right.buckets {
		return nil, grouping{}, r.refuse("", "all buckets of a histogram are added up", `use its _count, or one bucket such as le="0.5"`)
	}
	g, err := r.same(e.Op, left.grouping, right.grouping)
	return compare(op, left.linear, right.linear), g, err
}

// absent is a count of 0: Prometheus forgets a series five minutes after its last sample.
func (r *reader) absent(e *metricsql.FuncExpr) (*condition, grouping, error) {
	if len(e.Args) != 1 {
		return nil, grouping{}, r.refuse(e.Name, e.Name+" takes one series", "correct it")
	}
	var v value
	var err error
	switch arg := e.Args[0].(type) {
	case *metricsql.MetricExpr:
		v, err = r.counted(arg, lookback, 0)
	case *metricsql.RollupExpr:
		v, err = r.rows(e.Name, arg)
	default:
		v, err = r.value(arg)
	}
	switch {
	case err != nil:
		return nil, grouping{}, err
	case !v.only(kindCount):
		return nil, grouping{}, r.refuse(e.Name, "absent of "+excerpt(e.Args[0])+" cannot be asked", "ask it of a metric that counts")
	}
	c := compare("==", one(v.terms[0].measure, 1), number(0))
	return c, grouping{}, nil
}

// grouping is by which labels series are told apart.
type grouping struct {
	by    []string
	every bool // not aggregated: each series alone
	none  bool // a number, which goes with every grouping
}

// same is the grouping of two operands, which must agree.
func (r *reader) same(op string, a, b grouping) (grouping, error) {
	switch {
	case a.none:
		return b, nil
	case b.none:
		return a, nil
	case a.every != b.every || !slices.Equal(a.by, b.by):
		return a, r.refuse(op, fmt.Sprintf("the sides of %s have different labels (%s and %s)", op, a, b), "aggregate both sides by the same labels")
	}
	return a, nil
}

func (g grouping) String() string {
	switch {
	case g.every:
		return "each series alone"
	case len(g.by) == 0:
		return "all together"
	}
	return "by " + strings.Join(g.by, ", ")
}

// excerpt is an expression for a message.
func excerpt(e metricsql.Expr) string {
	s := []rune(string(e.AppendString(nil)))
	if len(s) > 60 {
		s = append(s[:59], '…')
	}
	return string(s)
}

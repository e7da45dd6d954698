package foreign

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metricsql"
)

// filtered is what the braces of a series say.
type filtered struct {
	where    where
	bucket   bool    // one bucket was chosen
	quantile float64 // of a summary
}

// targets are the labels that Prometheus gives to what it scrapes: they say where a number was counted, not what.
var targets = []string{
	"app", "cluster", "container", "endpoint", "env", "environment", "exported_job", "instance", "job", "kubernetes_namespace",
	"namespace", "node", "pod", "prometheus", "region", "replica", "service", "service_name", "zone",
}

// codes are the labels that say how a request ended.
var codes = []string{
	"code", "error", "grpc_code", "http_code", "http_response_status_code", "http_status", "http_status_code", "outcome",
	"response_code", "result", "status", "status_class", "status_code",
}

// failed is the condition for what did not end well: of an event whose stages all ended well, worst is ok.
func failed(source string) where {
	if source == spans {
		return makeWhere(atom{"status", "!=", `"ok"`})
	}
	return makeWhere(atom{"worst", "!=", `"ok"`})
}

func (r *reader) filters(series string, t Target, filters []metricsql.LabelFilter) (filtered, error) {
	f := filtered{where: makeWhere(parseAtom(t.Where))}
	for _, lf := range filters {
		var err error
		switch {
		case lf.Label == "__name__":
		case lf.Label == "le":
			err = r.bucket(&f, series, t, lf)
		case lf.Label == "quantile":
			f.quantile, err = strconv.ParseFloat(lf.Value, 64)
			if err != nil || lf.IsRegexp || lf.IsNegative {
				err = r.refuse("quantile", "the quantile is not one number", `write it like quantile="0.95"`)
			}
		case slices.Contains(fields(t.Source), lf.Label) && !endsRequest(lf):
			err = r.label(&f, lf)
		case slices.Contains(codes, lf.Label):
			err = r.code(&f, t, lf)
		case slices.Contains(targets, lf.Label):
			r.note(r.at(lf.Label), fmt.Sprintf("%s says where Prometheus counted and is left out", matcher(lf)), "add a where if it has to be told apart")
		default:
			err = r.refuse(lf.Label, fmt.Sprintf("%s has no label %s", t.Source, lf.Label), fmt.Sprintf("say with --map '%s=%s?WHERE' what it counts", trimSuffixes(series), t.Source))
		}
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

func matcher(lf metricsql.LabelFilter) string { return string(lf.AppendString(nil)) }

// bucket reads le="0.5": rows of at most that duration.
func (r *reader) bucket(f *filtered, series string, t Target, lf metricsql.LabelFilter) error {
	texts, literal := undotted(lf)
	size, _ := unit(series)
	for i, s := range texts {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !literal || lf.IsNegative || i > 0 && s != texts[0] && digits(v) != digits(first(texts)) {
			return r.refuse("le", matcher(lf)+" is not one bucket", `write it like le="0.5"`)
		}
		f.bucket = true
		if i == 0 && v < 1e12 { // +Inf holds all
			f.where = f.where.and(atom{t.Field, "<=", digits(v * float64(size) / float64(time.Millisecond))})
		}
	}
	return nil
}

func first(texts []string) float64 {
	v, err := strconv.ParseFloat(texts[0], 64)
	if err != nil {
		return -1
	}
	return v
}

// label reads a filter on a label that Leadline has.
func (r *reader) label(f *filtered, lf metricsql.LabelFilter) error {
	op := map[bool]string{false: "==", true: "!="}[lf.IsNegative]
	switch {
	case lf.IsRegexp && lf.Value == ".*" && !lf.IsNegative:
		return nil
	case lf.IsRegexp && lf.Value == ".+":
		f.where = f.where.and(atom{lf.Label, opposites[op], `""`})
		return nil
	}
	texts, literal := alternatives(lf)
	if dotted, ok := undotted(lf); !literal && ok {
		r.note(r.at(lf.Label), matcher(lf)+": the dots are taken for themselves", "nothing, unless they stood for any character")
		texts, literal = dotted, true
	}
	switch {
	case !literal:
		return r.refuse(lf.Label, matcher(lf)+": patterns have no counterpart", `list the values, such as `+lf.Label+`=~"a|b"`)
	case len(texts) == 1:
		f.where = f.where.and(atom{lf.Label, op, strconv.Quote(texts[0])})
	default:
		var quoted []string
		for _, s := range texts {
			quoted = append(quoted, strconv.Quote(s))
		}
		in := map[bool]string{false: "in", true: "not in"}[lf.IsNegative]
		f.where = f.where.and(atom{lf.Label, in, "[" + strings.Join(quoted, ", ") + "]"})
	}
	return nil
}

// alternatives are the texts that a filter matches; false where it is a pattern.
func alternatives(lf metricsql.LabelFilter) (texts []string, literal bool) {
	if !lf.IsRegexp {
		return []string{lf.Value}, true
	}
	texts = strings.Split(strip(lf.Value), "|")
	for i, s := range texts {
		plain := strings.NewReplacer(`\.`, ".", `\-`, "-", `\/`, "/", `\+`, "+").Replace(s)
		if regexp.QuoteMeta(plain) != s && regexp.QuoteMeta(s) != s {
			return texts, false
		}
		texts[i] = plain
	}
	return texts, true
}

var innerDot = regexp.MustCompile(`(\w)\.(\w)`)

// undotted are the alternatives of a pattern in which a dot that is not escaped stands in a name, such as lead.started.
func undotted(lf metricsql.LabelFilter) ([]string, bool) {
	if lf.IsRegexp {
		lf.Value = innerDot.ReplaceAllString(lf.Value, `$1\.$2`)
	}
	return alternatives(lf)
}

// strip takes anchors and one pair of brackets off a pattern.
func strip(pattern string) string {
	s := strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	if inner, ok := strings.CutPrefix(s, "("); ok && strings.HasSuffix(inner, ")") && !strings.ContainsAny(inner[:len(inner)-1], "()") {
		return strings.TrimPrefix(inner[:len(inner)-1], "?:")
	}
	return s
}

var (
	badCode  = regexp.MustCompile(`^(5(..|\.\*|\.\+|xx|XX|\d\d|\\d\\d|\\d\{2\}|\[0-9\]\[0-9\]|\[0-9\]\{2\})|(?i)errors?|err|fail|failed|failure|server_error|status_code_error|internal|unavailable|unknown)$`)
	goodCode = regexp.MustCompile(`^(2(..|\.\*|\.\+|xx|XX|\d\d|\\d\\d|\\d\{2\}|\[0-9\]\[0-9\]|\[0-9\]\{2\})|(?i)ok|success|successful|status_code_ok|status_code_unset)$`)
)

// endsRequest reports whether a label that Leadline has is used for something else: status="500" is no status of a stage.
func endsRequest(lf metricsql.LabelFilter) bool {
	if lf.Label != "status" && lf.Label != "worst" {
		return false
	}
	texts, _ := alternatives(lf)
	return !slices.ContainsFunc(texts, func(s string) bool { return slices.Contains([]string{"ok", "error", "timeout", "skipped"}, s) })
}

// code reads how a request ended: badly, or well.
func (r *reader) code(f *filtered, t Target, lf metricsql.LabelFilter) error {
	bad, good := true, true
	for s := range strings.SplitSeq(strip(lf.Value), "|") {
		bad, good = bad && badCode.MatchString(s), good && goodCode.MatchString(s)
	}
	if !bad && !good {
		return r.refuse(lf.Label, matcher(lf)+" has no counterpart: an event or a stage ends well or not", `only 5.. and 2.. can be told, or give the metric a where with --map`)
	}
	a := failed(t.Source).atoms()[0]
	if bad == lf.IsNegative {
		a = a.not()
	}
	r.note(r.at(lf.Label), fmt.Sprintf("%s is read as %s", matcher(lf), a), "correct the where if it means something else")
	f.where = f.where.and(a)
	return nil
}

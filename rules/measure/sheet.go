package measure

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadline"
	"leadline/latency"
)

// maxColumns is how many columns one SELECT over the events has at most; with more it is split.
const maxColumns = 200

// sheet is one SELECT over the events themselves, for all asks with the same labels. It knows nothing of slots.
type sheet struct {
	source  Source
	by      []string
	offset  time.Duration // as that of a shape
	name    string        // of the query
	sql     string
	params  params
	columns []string
	windows []time.Duration // longest first
	items   bool            // Schema: the events that were taken count too
}

// entry is what a sheet answers of one measure: the columns of its number, of a ratio's denominator, and of how many
// events there were in its window at all.
type entry struct {
	sheet           *sheet
	num, den, there int
}

func (s *sheet) longest() time.Duration { return s.windows[0] }

// column is the place of an aggregate: the same one is computed once.
func (s *sheet) column(sql string) int {
	i := slices.Index(s.columns, sql)
	if i < 0 {
		i = len(s.columns)
		s.columns = append(s.columns, sql)
	}
	return i
}

// enter adds a measure.
func (s *sheet) enter(m *Measure) entry {
	e := entry{sheet: s, num: -1, den: -1, there: s.column(s.count(m.Window, ""))}
	where := m.Where.sql(m.Source, s.params)
	if m.Source == Schema {
		where = map[string]string{UnknownFields: "unknown", Rejected: "rejected"}[m.Of]
	}
	switch m.Kind {
	case Count, Ratio:
		e.num = s.column(s.count(m.Window, where))
	case Age:
		e.num = s.column("toInt64(toUnixTimestamp64Micro(maxIf(" + s.time() + ", " + s.when(m.Window, where) + ")))")
	case Quantile:
		e.num = s.column("toString(sumMapIf(map(" + bucketSQL(strings.TrimSuffix(m.Of, "_ms")+"_us") + ", toUInt64(1)), " + s.when(m.Window, where) + "))")
	}
	if m.Kind == Ratio {
		e.den = s.column(s.count(m.Window, m.Den.sql(m.Source, s.params)))
	}
	return e
}

func (s *sheet) count(window time.Duration, where string) string {
	return "toInt64(countIf(" + s.when(window, where) + "))"
}

// when is the condition on the rows of a window.
func (s *sheet) when(window time.Duration, where string) string {
	var all []string
	if window < s.longest() {
		all = append(all, s.time()+" >= "+micros(since(window)))
	}
	if where != "" {
		all = append(all, where)
	}
	if len(all) == 0 {
		return "1"
	}
	return strings.Join(all, " AND ")
}

// since names the parameter that holds the beginning of a window.
func since(window time.Duration) string { return fmt.Sprintf("from_%d", window.Milliseconds()) }

// micros is a time parameter: an integer, so that no time zone or text format stands between the two sides.
func micros(param string) string { return "fromUnixTimestamp64Micro({" + param + ":Int64}, 'UTC')" }

// bucketSQL is latency.Bucket: the upper bits of a double are the octave and the 32 steps in it.
func bucketSQL(us string) string {
	const least = 32 * (1023 + 4) // of the exponent's bias, and of the octaves that have no steps
	return fmt.Sprintf("toUInt16(if(%[1]s < 32, %[1]s, bitShiftRight(reinterpretAsUInt64(toFloat64(least(%[1]s, %[2]d))), 47) - %[3]d))", us, longestMicros, least)
}

var _, beyond = latency.Bounds(latency.Buckets - 1)

// longestMicros is the longest time that has a bucket.
var longestMicros = beyond - 1

// time is the column of a row's time.
func (s *sheet) time() string {
	if s.source == Schema {
		return "at"
	}
	return "stored_at"
}

// build makes the text once all columns are there.
func (s *sheet) build() {
	columns := slices.Clone(s.by)
	for i, c := range s.columns {
		columns = append(columns, c+" AS m"+strconv.Itoa(i))
	}
	s.sql = "SELECT\n    " + strings.Join(columns, ",\n    ") + "\nFROM " + s.from()
	if len(s.by) > 0 {
		s.sql += "\nGROUP BY " + strings.Join(s.by, ", ")
	}
	s.sql += "\nLIMIT " + strconv.Itoa(maxAnswer)
}

// from is the table with the bounds of the longest window. Those on minute are what prunes the primary key; ClickHouse does
// not derive them from those on stored_at.
func (s *sheet) from() string {
	begin, end := micros(since(s.longest())), micros("to")
	bounds := func(at string) string { return at + " >= " + begin + " AND " + at + " < " + end }
	minutes := "minute >= toStartOfMinute(" + begin + ") AND minute <= toStartOfMinute(" + end + ") AND " + bounds("stored_at")
	if s.source != Schema {
		return views[s.source].table + "\nWHERE " + minutes
	}
	items := "SELECT received_at AS at, partner, bot, type, schema, 1 AS rejected, code = 'unknown_field' OR has(violations.rule, 'additionalProperties') AS unknown" +
		"\n    FROM rejected\n    WHERE " + bounds("received_at") + " AND code IN (" + schemaCodes + ")"
	if s.items {
		items += "\n    UNION ALL\n    SELECT stored_at AS at, partner, bot, type, schema, 0 AS rejected, hasAny(warnings, ['unknown_field', 'unknown_extension']) AS unknown" +
			"\n    FROM events\n    WHERE " + minutes
	}
	return "(\n    " + items + "\n)"
}

// schemaCodes are the codes of rejected items that say that a sender and its schema have drifted apart.
const schemaCodes = "'schema_violation', 'schema_unknown', 'unknown_field', 'missing_field', 'invalid_field'"

// query asks for the windows that end, exclusively, at to.
func (s *sheet) query(to time.Time) leadline.Query {
	to = to.Add(-s.offset)
	q := leadline.Query{Name: s.name, SQL: s.sql, Params: map[string]any{"to": to.UnixMicro()}}
	maps.Copy(q.Params, s.params)
	for _, w := range s.windows {
		q.Params[since(w)] = to.Add(-w).UnixMicro()
	}
	return q
}

// page is the answer to a sheet.
type page struct {
	columns
	labels []leadline.Labels
	keys   []string
	at     []int // the columns of the table
	rows   map[string]int
}

func (s *sheet) page(t *leadline.Table) (*page, error) {
	if len(t.Rows) >= maxAnswer {
		return nil, fmt.Errorf("%d label sets or more: narrow `by`", maxAnswer)
	}
	p := &page{columns: columns{table: t}, rows: make(map[string]int, len(t.Rows))}
	by := make([]int, len(s.by))
	for i, b := range s.by {
		by[i] = p.find(b)
	}
	for i := range s.columns {
		p.at = append(p.at, p.find("m"+strconv.Itoa(i)))
	}
	for row := range t.Rows {
		if p.err != nil {
			break
		}
		labels := make(leadline.Labels, len(s.by))
		for i, text := range p.texts(row, by) {
			labels[s.by[i]] = text
		}
		key := labels.Key()
		p.rows[key] = row
		p.labels, p.keys = append(p.labels, labels), append(p.keys, key)
	}
	for i := range p.at { // so that nothing can fail later, when several may read at once
		for row := range t.Rows {
			if strings.HasPrefix(s.columns[i], "toString(") {
				p.text(row, p.at[i])
			} else {
				p.int(row, p.at[i])
			}
		}
	}
	return p, p.err
}

// value is a measure's value in one row.
func (p *page) value(m *Measure, e entry, row int, end time.Time, s *sum) (float64, error) {
	s.reset()
	count := func(i int) float64 {
		if i < 0 {
			return 0
		}
		return float64(p.table.Rows[row][p.at[i]].(int64))
	}
	switch m.Kind {
	case Age:
		s.newest = p.table.Rows[row][p.at[e.num]].(int64)
	case Quantile:
		buckets, counts, err := parseHistogram(p.table.Rows[row][p.at[e.num]].(string))
		if err != nil {
			return 0, err
		}
		s.shape.Add(buckets, counts)
	default:
		return m.value(count(e.num), count(e.den), s, end), nil
	}
	return m.value(0, 0, s, end), nil
}

func (p *page) there(e entry, row int) bool {
	return p.table.Rows[row][p.at[e.there]].(int64) > 0
}

// job is a measure of an ask that the events themselves have to answer, in one of its periods.
type job struct {
	ask     *Ask
	measure int
	period  int
}

func (j job) of() *Measure { return &j.ask.Measures[j.measure] }

// width is how many columns a job needs at most.
func (j job) width() int {
	if j.of().Kind == Ratio {
		return 3
	}
	return 2
}

// makeSheets makes as few SELECTs as may be of jobs that have source, labels and offset in common: a window that is far
// longer than others is read by itself, so that its rows do not pass their conditions.
func makeSheets(source Source, by []string, offset time.Duration, jobs []job) map[job]entry {
	jobs = slices.Clone(jobs)
	slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(a.of().Window, b.of().Window) })
	entries := make(map[job]entry, len(jobs))
	for len(jobs) > 0 {
		n, width := 0, 0
		far := max(time.Hour, 12*jobs[0].of().Window)
		for n < len(jobs) && jobs[n].of().Window <= far && (n == 0 || width+jobs[n].width() <= maxColumns) {
			width += jobs[n].width()
			n++
		}
		s := makeSheet(source, by, offset, jobs[:n])
		for _, j := range jobs[:n] {
			entries[j] = s.enter(j.of())
		}
		s.build()
		jobs = jobs[n:]
	}
	return entries
}

func makeSheet(source Source, by []string, offset time.Duration, jobs []job) *sheet {
	s := &sheet{source: source, by: by, offset: offset, params: params{}}
	s.name = "leadline rule=" + jobs[0].ask.Name
	for _, j := range jobs {
		s.windows = append(s.windows, j.of().Window)
		s.items = s.items || j.of().Kind == Ratio || j.of().Of == UnknownFields
		if j.ask != jobs[0].ask {
			s.name = "leadline rules " + cmp.Or(views[source].table, "rejected") + " " + orDash(strings.Join(by, ","))
		}
	}
	slices.Sort(s.windows)
	slices.Reverse(s.windows)
	s.windows = slices.Compact(s.windows)
	return s
}

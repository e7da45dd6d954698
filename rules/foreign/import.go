package foreign

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"leadline/rules"
	"leadline/source"
)

// The formats that can be read.
const (
	Prometheus = "prometheus" // rule files, and the PrometheusRule resource of Kubernetes
	Sloth      = "sloth"      // version: prometheus/v1
	OpenSLO    = "openslo"    // apiVersion: openslo/v1
)

// Formats are their names.
var Formats = []string{Prometheus, Sloth, OpenSLO}

// File is a file of another system.
type File struct {
	Name string // as it is told in notes
	Data []byte
}

// Result is what became of the files.
type Result struct {
	YAML  []byte        // documents of Leadline, nil where nothing mapped
	Notes source.Errors // everything that is not as it was, by file and place

	Whole      int // alerts or SLOs that came over as they are
	Partly     int // those with a note
	Missing    int // those that did not come over
	Recordings int // recording rules, which Leadline does not need
}

// String is one line with the counts.
func (r Result) String() string {
	s := fmt.Sprintf("%d mapped, %d of them partly, %d not", r.Whole+r.Partly, r.Partly, r.Missing)
	if r.Recordings > 0 {
		s += fmt.Sprintf("; %d recording rules are not needed", r.Recordings)
	}
	return s
}

// Import reads files of a format. The table says what their metrics count. The error is a source.Errors with every place
// where a file is no YAML.
func Import(format string, files []File, table Table) (Result, error) {
	im := &importer{table: table, recorded: map[string]source.Passage{}}
	var docs []source.Document
	var broken source.Errors
	for _, f := range files {
		d, err := source.Documents(f.Name, f.Data)
		if err != nil {
			broken = append(broken, err.(source.Errors)...) //nolint:errorlint // Documents says so
		}
		docs = append(docs, d...)
	}
	if len(broken) > 0 {
		return Result{}, broken
	}
	switch format {
	case Prometheus:
		im.prometheus(docs)
	case Sloth:
		im.sloth(docs)
	case OpenSLO:
		im.openSLO(docs)
	default:
		panic("BUG: format " + format)
	}
	return im.result(), nil
}

type importer struct {
	table    Table
	recorded map[string]source.Passage // recording rules of all files; empty where several record under one name
	docs     []*yaml.Node
	notes    source.Errors
	mistakes source.Errors // the part of them that decoding found
	items    []item
	current  []int // the items that notes are about; none while it is their file or group
	count    int   // of recording rules
}

// item is an alert or an SLO.
type item struct {
	pos           source.Pos
	mapped, noted bool
}

// begin makes the next notes about a new item, and is its number.
func (im *importer) begin(at source.Pos) int {
	i := len(im.items)
	im.items = append(im.items, item{pos: at})
	im.current = []int{i}
	return i
}

// mapped marks the current items.
func (im *importer) mapped() {
	for _, i := range im.current {
		im.items[i].mapped = true
	}
}

func (im *importer) note(at source.Pos, what, do string) {
	im.notes = append(im.notes, at.Error(what, do))
	for _, i := range im.current {
		im.items[i].noted = true
	}
}

// decoded keeps the mistakes of a document, each for the item in which it stands.
func (im *importer) decoded(errs source.Errors) {
	im.notes = append(im.notes, errs...)
	im.mistakes = append(im.mistakes, errs...)
}

// refuse notes why something did not come over.
func (im *importer) refuse(err error) {
	r := err.(*refusal) //nolint:errorlint // the reader returns no other
	im.note(r.at, r.what, r.do)
}

func (im *importer) reader() *reader {
	return &reader{table: im.table, recorded: im.recorded, note: im.note, opened: new(int)}
}

func (im *importer) result() Result {
	r := Result{Notes: im.notes.Sorted(), Recordings: im.count}
	im.blame()
	for _, x := range im.items {
		switch {
		case !x.mapped:
			r.Missing++
		case x.noted:
			r.Partly++
		default:
			r.Whole++
		}
	}
	if len(im.docs) > 0 {
		r.YAML = write(im.docs...)
	}
	return r
}

// blame gives the mistakes of decoding to the items in which they stand: the last that begins before.
func (im *importer) blame() {
	begins := make([]*source.Error, len(im.items))
	for i, x := range im.items {
		begins[i] = x.pos.Error("", "")
	}
	for _, e := range im.mistakes {
		last := -1
		for i, b := range begins {
			if b.File == e.File && b.Line <= e.Line && (last < 0 || b.Line > begins[last].Line) {
				last = i
			}
		}
		if last >= 0 {
			im.items[last].noted = true
		}
	}
}

// refused asks Leadline's own parser about a document.
func refused(doc *yaml.Node) source.Errors {
	docs, err := source.Documents("import", write(doc))
	if err != nil {
		return err.(source.Errors) //nolint:errorlint // Documents says so
	}
	parse := rules.Parse
	if docs[0].Kind.Value == rules.KindSLO {
		parse = rules.ParseSLO
	}
	_, errs := parse(docs[0])
	return errs
}

// reasons are the mistakes without their places, which are in a text that nobody has seen.
func reasons(errs source.Errors) string {
	var out []string
	for _, e := range errs {
		s := e.What
		if e.Do != "" {
			s += " (" + e.Do + ")"
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

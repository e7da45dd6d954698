package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"leadline/source"
)

// maxFile bounds a schema file: the largest public event schemas have some 100 kB.
const maxFile = 1 << 20

var eventType = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,4}$`)

// Registry holds compiled schemas. It never changes: load a new one and swap it.
type Registry struct {
	types map[string][]version // the highest major version first
}

type version struct {
	major  int
	schema *Schema
}

// Load reads every <event.type>/<major>.json in fsys. All mistakes of all files are in the error, a source.Errors with
// paths as in fsys; errors of reading come first and alone. Files that do not end in .json are left alone.
func Load(fsys fs.FS) (*Registry, error) {
	r := &Registry{types: map[string][]version{}}
	var errs source.Errors
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".json" {
			return err
		}
		dir, file := path.Split(name)
		major, _ := strconv.Atoi(strings.TrimSuffix(file, ".json"))
		dir = strings.TrimSuffix(dir, "/")
		if !eventType.MatchString(dir) || major < 1 || file != strconv.Itoa(major)+".json" {
			errs = append(errs, &source.Error{
				File: name, Line: 1, Col: 1, What: "not the place of an event's schema",
				Do: "move it to <event.type>/<major>.json, such as lead.qualified/1.json",
			})
			return nil
		}
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		s, bad := compile(name, data)
		errs = append(errs, bad...)
		r.types[dir] = append(r.types[dir], version{major, s})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read schemas: %w", err)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	for _, list := range r.types {
		slices.SortFunc(list, func(a, b version) int { return b.major - a.major })
	}
	return r, nil
}

// Compile makes a schema of the text of one file; name is how errors, a source.Errors, call the file.
func Compile(name string, data []byte) (*Schema, error) {
	s, errs := compile(name, data)
	if len(errs) > 0 {
		return nil, errs
	}
	return s, nil
}

func compile(name string, data []byte) (*Schema, source.Errors) {
	if len(data) > maxFile {
		return nil, source.Errors{problem(name, data, 0, "the file has more than 1 MiB", "split the event type")}
	}
	root, err := parse(data)
	if err != nil {
		var syntax *SyntaxError
		errors.As(err, &syntax)
		return nil, source.Errors{problem(name, data, syntax.Offset, syntax.What, "correct the JSON")}
	}
	c := &compiler{file: name, data: data, root: root, done: map[int]*node{}, open: map[int]bool{}}
	s := &Schema{root: c.schema(root)}
	c.finish(s)
	return s, c.errs
}

// Lookup is the schema of an event type and major version.
func (r *Registry) Lookup(eventType string, major int) (*Schema, bool) {
	for _, v := range r.types[eventType] {
		if v.major == major {
			return v.schema, true
		}
	}
	return nil, false
}

// Latest is the highest major version of an event type.
func (r *Registry) Latest(eventType string) (major int, ok bool) {
	if list := r.types[eventType]; len(list) > 0 {
		return list[0].major, true
	}
	return 0, false
}

// Types are the event types, sorted.
func (r *Registry) Types() []string { return slices.Sorted(maps.Keys(r.types)) }

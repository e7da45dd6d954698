package app

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"leadline/rules"
	"leadline/rules/ruletest"
	"leadline/source"
)

// TestRules runs the tests in the RuleTest documents of files and folders whose names are wanted. Documents that are
// not well-formed are told as mistakes, and the others run.
func TestRules(paths []string, wanted func(name string) bool) (results []ruletest.Result, errs source.Errors, err error) {
	known := &rulesByFile{}
	var seen []string
	for _, p := range paths {
		files, err := filesUnder(p)
		if err != nil {
			return nil, nil, fmt.Errorf("test: %w", err)
		}
		for _, file := range files {
			if ext := filepath.Ext(file); ext != ".yaml" && ext != ".yml" || slices.Contains(seen, file) {
				continue
			}
			seen = append(seen, file)
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, fmt.Errorf("test: %w", err)
			}
			if !bytes.Contains(data, []byte(ruletest.Kind)) {
				continue // what else there is, is not ours to judge
			}
			docs, err := source.Documents(file, data)
			errs = append(errs, mistakes(err)...)
			for _, d := range docs {
				if d.Kind.Value != ruletest.Kind {
					continue
				}
				suite, e := ruletest.Parse(d, known.near(d))
				errs = append(errs, e...)
				if suite != nil {
					results = append(results, suite.Run(wanted)...)
				}
			}
		}
	}
	return results, errs.Sorted(), nil
}

// filesUnder are the files of a folder and those below it, or the one file. Hidden folders and those of npm are left out.
func filesUnder(path string) (files []string, err error) {
	path = filepath.Clean(path)
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != path && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir():
			files = append(files, p)
		}
		return nil
	})
	return files, err
}

// rulesByFile reads the rules that tests name, each file once.
type rulesByFile struct {
	known map[string]ruleFile
}

type ruleFile struct {
	groups []*rules.Group
	errs   source.Errors
	err    error // it cannot be read
}

// near finds the files that a document names, from the folder that it is in.
func (r *rulesByFile) near(d source.Document) ruletest.Groups {
	dir := filepath.Dir(d.Pos.Error("", "").File)
	return func(file source.At[string]) ([]*rules.Group, source.Errors) {
		path := file.Value
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		f, ok := r.known[path]
		if !ok {
			f = readRuleFile(path)
			if r.known == nil {
				r.known = map[string]ruleFile{}
			}
			r.known[path] = f
		}
		switch {
		case f.err != nil:
			return nil, source.Errors{file.Pos.Error(f.err.Error(), "correct the path, which is relative to this file")}
		case len(f.groups) == 0 && len(f.errs) == 0:
			return nil, source.Errors{file.Pos.Error(path+" has no rules", "name a file with a RuleGroup or an SLO")}
		}
		return f.groups, f.errs
	}
}

func readRuleFile(path string) (f ruleFile) {
	data, err := os.ReadFile(path)
	if err != nil {
		f.err = fmt.Errorf("there is no %s", path)
		return f
	}
	docs, err := source.Documents(path, data)
	f.errs = mistakes(err)
	for _, d := range docs {
		var g *rules.Group
		var errs source.Errors
		switch d.Kind.Value {
		case rules.Kind:
			g, errs = rules.Parse(d)
		case rules.KindSLO:
			g, errs = rules.ParseSLO(d)
		default:
			continue
		}
		f.groups, f.errs = append(f.groups, g), append(f.errs, errs...)
	}
	return f
}

package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"leadline/ingest"
	"leadline/oncall"
	"leadline/rules"
	"leadline/rules/ruletest"
	"leadline/source"
)

// ruleSet is what the documents under `rules:` say.
type ruleSet struct {
	Groups    []*rules.Group
	Schedules []oncall.Schedule
}

// readRules reads files and folders of YAML. All their mistakes are in the error, a source.Errors.
func readRules(paths []At) (set ruleSet, err error) {
	var docs []source.Document
	var errs source.Errors
	for _, p := range paths {
		files, err := yamlFiles(p)
		if err != nil {
			errs = append(errs, p.Pos.Error(err.Error(), "correct the path"))
			continue
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return set, fmt.Errorf("read rules: %w", err)
			}
			d, err := source.Documents(file, data)
			errs = append(errs, mistakes(err)...)
			docs = append(docs, d...)
		}
	}
	schedules, e := oncall.Schedules(docs)
	set.Schedules, errs = schedules, append(errs, e...)
	for _, d := range docs {
		switch d.Kind.Value {
		case oncall.KindSchedule, ruletest.Kind:
		case rules.Kind:
			g, e := rules.Parse(d)
			set.Groups, errs = append(set.Groups, g), append(errs, e...)
		case rules.KindSLO:
			g, e := rules.ParseSLO(d)
			set.Groups, errs = append(set.Groups, g), append(errs, e...)
		default:
			errs = append(errs, unknownKind(d))
		}
	}
	return set, append(errs, rules.Check(set.Groups)...).Sorted().Err()
}

// kinds are the documents that `check` knows.
var kinds = []string{rules.Kind, rules.KindSLO, ruletest.Kind, oncall.KindSchedule, ingest.KindQualify}

func unknownKind(d source.Document) *source.Error {
	at := d.Kind.Pos
	if at.IsZero() {
		at = d.Pos
	}
	return at.Error(fmt.Sprintf("unknown kind %q", d.Kind.Value), "use one of "+strings.Join(kinds, ", "))
}

// yamlFiles are the *.yaml and *.yml files of a folder and those below it, or the one file, by name.
func yamlFiles(p At) ([]string, error) {
	info, err := os.Stat(p.Value)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s", p.Value)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{p.Value}, nil
	}
	var files []string
	err = filepath.WalkDir(p.Value, func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, path)
		}
		return err
	})
	slices.Sort(files)
	return files, err
}

// mistakes are the places in an error; what has none gets one without.
func mistakes(err error) source.Errors {
	var errs source.Errors
	switch {
	case err == nil:
	case errors.As(err, &errs):
	default:
		errs = source.Errors{{What: err.Error()}}
	}
	return errs
}

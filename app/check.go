package app

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"leadline/ingest"
	"leadline/oncall"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/rules/ruletest"
	"leadline/schema"
	"leadline/source"
)

// Checked counts what Check looked at, and holds what it found.
type Checked struct {
	Configs, Groups, SLOs, Tests, Schedules, Qualify, Types int

	Mistakes source.Errors // what has to be mended
	Notes    source.Errors // what may be meant
	Costs    []RuleCost    // what a slot of each rule reads

	rules []*rules.Group
}

// RuleCost says what a slot of a rule reads.
type RuleCost struct {
	Name string // group/rule
	measure.Cost
}

func (c Checked) String() string {
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{
		{c.Configs, "configuration", "configurations"},
		{c.Groups, "rule group", "rule groups"},
		{c.SLOs, "SLO", "SLOs"},
		{c.Tests, "rule test", "rule tests"},
		{c.Schedules, "schedule", "schedules"},
		{c.Qualify, "file of qualify rules", "files of qualify rules"},
		{c.Types, "event type with schemas", "event types with schemas"},
	} {
		switch {
		case p.n == 1:
			parts = append(parts, "1 "+p.one)
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.many))
		}
	}
	if len(parts) == 0 {
		return "nothing to check"
	}
	return strings.Join(parts, ", ")
}

// Check reads files and folders and finds every mistake in them: configurations (YAML without a kind), RuleGroup, SLO,
// RuleTest, Schedule and Qualify documents, and folders of event schemas (<event.type>/<major>.json).
func Check(paths []string) (Checked, error) {
	c := &checker{files: &rulesByFile{}}
	for _, p := range paths {
		files, err := filesUnder(p)
		if err != nil {
			return c.Checked, fmt.Errorf("check: %w", err)
		}
		for _, f := range files {
			c.whole = c.whole || f != filepath.Clean(p)
			if err := c.file(f); err != nil {
				return c.Checked, err
			}
		}
	}
	for _, root := range slices.Compact(slices.Sorted(slices.Values(c.schemaRoots))) {
		r, err := schema.Load(os.DirFS(root))
		c.mistakes(mistakes(inFolder(root, err))...)
		if err == nil {
			c.Types += len(r.Types())
		}
	}
	schedules, errs := oncall.Schedules(c.schedules)
	c.Schedules = len(schedules)
	c.mistakes(errs...)
	c.mistakes(rules.Check(c.rules)...)
	c.lint()
	c.tested()
	c.people(schedules)
	for _, g := range c.rules {
		for _, r := range g.Rules {
			c.Costs = append(c.Costs, RuleCost{r.Ask.Name, r.Ask.Cost()})
		}
	}
	c.Mistakes, c.Notes = c.Mistakes.Sorted(), c.Notes.Sorted()
	return c.Checked, nil
}

type checker struct {
	Checked
	whole       bool // a folder: what is not in it is nowhere
	configs     []Config
	schedules   []source.Document
	tests       []source.Document
	files       *rulesByFile // that the tests name
	schemaRoots []string
}

func (c *checker) mistakes(errs ...*source.Error) { c.Mistakes = append(c.Mistakes, errs...) }

func (c *checker) note(at source.Pos, what, do string) { c.Notes = append(c.Notes, at.Error(what, do)) }

func (c *checker) file(path string) error {
	switch filepath.Ext(path) {
	case ".json":
		if root, ok := schemaRoot(path); ok {
			c.schemaRoots = append(c.schemaRoots, root)
		}
		return nil
	case ".yaml", ".yml":
	default:
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	docs, err := source.Documents(path, data)
	c.mistakes(mistakes(err)...)
	for _, d := range docs {
		c.document(path, data, d)
	}
	return nil
}

func (c *checker) document(path string, data []byte, d source.Document) {
	switch d.Kind.Value {
	case rules.Kind:
		g, errs := rules.Parse(d)
		c.mistakes(errs...)
		c.rules = append(c.rules, g)
		c.Groups++
	case rules.KindSLO:
		g, errs := rules.ParseSLO(d)
		c.mistakes(errs...)
		c.rules = append(c.rules, g)
		c.SLOs++
	case ruletest.Kind:
		c.tests = append(c.tests, d)
		c.Tests++
	case oncall.KindSchedule:
		c.schedules = append(c.schedules, d)
	case ingest.KindQualify:
		_, err := ingest.LoadRules(path, data)
		c.mistakes(mistakes(err)...)
		c.Qualify++
	case "":
		if !d.APIVersion.Pos.IsZero() {
			c.mistakes(unknownKind(d))
			return
		}
		config, err := ReadConfig(path)
		if err == nil { // else its paths are not resolved
			c.mistakes(config.missing()...)
			c.configs = append(c.configs, config)
		}
		c.mistakes(mistakes(err)...)
		c.Configs++
	default:
		c.mistakes(unknownKind(d))
	}
}

// schemaRoot is the folder that holds <event.type>/<major>.json, if the path looks like one.
func schemaRoot(path string) (string, bool) {
	major := strings.TrimSuffix(filepath.Base(path), ".json")
	dir := filepath.Dir(path)
	if strings.Trim(major, "0123456789") != "" || !strings.Contains(filepath.Base(dir), ".") {
		return "", false
	}
	return filepath.Dir(dir), true
}

// missing are the files and folders that a configuration names and that are not there. Files of secrets are left out:
// they need not be where the configuration is checked.
func (c *Config) missing() (errs source.Errors) {
	for _, p := range append([]At{c.Schemas, c.Pipeline.Qualify, c.Pipeline.GeoIP.MMDB}, c.Rules...) {
		if p.Value == "" || p.Value == "none" {
			continue
		}
		if _, err := os.Stat(p.Value); err != nil {
			errs = append(errs, p.Pos.Error("there is no "+p.Value, "correct the path, which is relative to this file"))
		}
	}
	return errs
}

package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"leadline/app"
	"leadline/rules/ruletest"
	"leadline/source"
)

func test(_ context.Context, c *command) error {
	flags := c.flags("test")
	pattern := flags.String("run", "", "run only the tests whose names match this regular expression")
	junit := flags.String("junit", "", "write JUnit XML to this file too")
	if err := c.parse(flags, 1<<16); err != nil {
		return err
	}
	wanted, err := regexp.Compile(*pattern)
	if err != nil {
		return fmt.Errorf("--run %s: %w", *pattern, err)
	}
	paths := flags.Args()
	if len(paths) == 0 {
		if paths, err = c.rulePaths(); err != nil {
			return err
		}
	}
	results, mistakes, err := app.TestRules(paths, wanted.MatchString)
	if err != nil {
		return err
	}
	if *junit != "" {
		if err := writeJUnit(*junit, results, mistakes); err != nil {
			return err
		}
	}
	return c.tell(results, mistakes, strings.Join(paths, ", "))
}

// rulePaths are the rules of the configuration, or everything here.
func (c *command) rulePaths() ([]string, error) {
	file := c.getenv("LEADLINE_CONFIG")
	if file == "" {
		return []string{"."}, nil
	}
	config, err := app.ReadConfig(file)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, p := range config.Rules {
		paths = append(paths, p.Value)
	}
	return paths, nil
}

func writeJUnit(path string, results []ruletest.Result, mistakes source.Errors) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	if err := ruletest.WriteJUnit(f, results, mistakes); err != nil {
		f.Close() //nolint:errcheck // the file is incomplete anyway
		return fmt.Errorf("--junit: %w", err)
	}
	return f.Close()
}

// tell says how the tests went. None at all is no success.
func (c *command) tell(results []ruletest.Result, mistakes source.Errors, where string) error {
	var failures []string
	failed := 0
	for _, r := range results {
		failed += min(1, len(r.Failures))
		for _, f := range r.Failures {
			failures = append(failures, f.Text())
		}
	}
	ran := counted(len(results), "test")
	switch {
	case len(mistakes) > 0:
		failures = append(failures, mistakes.Error())
		return fmt.Errorf("%s\n\n%d of %s failed, %s in tests that cannot run", strings.Join(failures, "\n"), failed, ran, counted(len(mistakes), "mistake"))
	case failed > 0:
		return fmt.Errorf("%s\n\n%d of %s failed", strings.Join(failures, "\n"), failed, ran)
	case len(results) == 0:
		return fmt.Errorf("no test in %s: write documents of kind %s, see docs/RULES.md, or widen --run", where, ruletest.Kind)
	}
	_, err := fmt.Fprintf(c.out, "ok: %s\n", ran)
	return err
}

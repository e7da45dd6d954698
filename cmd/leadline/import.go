package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"leadline/rules/foreign"
)

const importUse = "use: leadline import prometheus|sloth|openslo FILE… [--map METRIC=event|span[:FIELD][?WHERE]]…"

// importForeign prints YAML of Leadline on standard output, and what did not come over as it was on standard error.
func importForeign(_ context.Context, c *command) error {
	flags := c.flags("import")
	table := foreign.Table{}
	flags.Func("map", "what a metric counts: `METRIC=event|span[:FIELD][?WHERE]`; may be repeated. Known are "+strings.Join(foreign.Usual(), ", "), func(s string) error {
		metric, target, err := foreign.ParseTarget(s)
		if err == nil {
			table[metric] = target
		}
		return err
	})
	if err := c.parse(flags, 1<<16); err != nil {
		return err
	}
	if flags.NArg() < 2 || !slices.Contains(foreign.Formats, flags.Arg(0)) {
		fmt.Fprintln(c.err, importUse)
		return errUsage
	}
	var files []foreign.File
	for _, name := range flags.Args()[1:] {
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		files = append(files, foreign.File{Name: name, Data: data})
	}
	r, err := foreign.Import(flags.Arg(0), files, table)
	if err != nil {
		return err
	}
	for _, n := range r.Notes {
		fmt.Fprintln(c.err, n)
	}
	fmt.Fprintln(c.err, r)
	if r.YAML == nil {
		return errors.New("import: nothing has a counterpart")
	}
	_, err = c.out.Write(r.YAML)
	return err
}

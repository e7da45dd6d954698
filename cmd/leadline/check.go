package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"leadline/app"
)

func check(ctx context.Context, c *command) error {
	flags := c.flags("check")
	file := configFlag(flags)
	data := flags.Bool("data", false, "hold the rules against the events of the last seven days, too")
	if err := c.parse(flags, 1<<16); err != nil {
		return err
	}
	paths := flags.Args()
	if at := cmp.Or(*file, c.getenv("LEADLINE_CONFIG")); len(paths) == 0 && at != "" {
		paths = []string{at}
	}
	if len(paths) == 0 {
		fmt.Fprintln(c.err, "use: leadline check PATH…, such as leadline check examples")
		return errUsage
	}
	found, err := app.Check(paths)
	if err != nil {
		return err
	}
	if n := len(found.Mistakes); n > 0 {
		return fmt.Errorf("%w\n\n%s in %s", found.Mistakes, counted(n, "mistake"), found)
	}
	var missed []app.Uncovered
	if *data {
		if missed, err = c.coverage(ctx, *file, &found); err != nil {
			return err
		}
	}
	for _, n := range found.Notes {
		fmt.Fprintln(c.out, "note:", n)
	}
	for _, m := range missed {
		fmt.Fprintln(c.out, "note:", m)
	}
	c.tellCosts(found.Costs)
	_, err = fmt.Fprintln(c.out, "ok:", found)
	return err
}

// coverage adds notes on rules that match nothing, and finds what no rule looks at.
func (c *command) coverage(ctx context.Context, file string, found *app.Checked) (missed []app.Uncovered, err error) {
	config, err := c.config(file)
	if err != nil {
		return nil, err
	}
	data, err := app.Connect(ctx, app.Options{
		Config: config, Library: c.getenv("LEADLINE_CHDB"), Log: c.logger(slog.LevelWarn),
		Progress: func(step string) { fmt.Fprintln(c.err, step) },
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	notes, missed, err := data.Coverage(ctx, *found)
	found.Notes = append(found.Notes, notes...)
	return missed, err
}

// tellCosts says what rules read for themselves, and what they share: that costs the same for one rule and for thousands.
func (c *command) tellCosts(costs []app.RuleCost) {
	var own, shared []string
	sharing := 0
	for _, rule := range costs {
		alone := false
		for _, r := range rule.Reads {
			if r.Shared {
				shared = append(shared, cmp.Or(strings.Join(r.Labels, "+"), "nothing"))
				continue
			}
			alone = true
			own = append(own, fmt.Sprintf("  %s: %s", rule.Name, r))
		}
		if !alone {
			sharing++
		}
	}
	slices.Sort(shared)
	if len(shared) > 0 {
		fmt.Fprintf(c.out, "cost: %s read only what all share: the rollup by %s\n", counted(sharing, "rule"), strings.Join(slices.Compact(shared), ", "))
	}
	if len(own) > 0 {
		fmt.Fprintf(c.out, "cost: %s read for themselves:\n%s\n", counted(len(costs)-sharing, "rule"), strings.Join(own, "\n"))
	}
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

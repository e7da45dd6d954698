package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"leadline/app"
	"leadline/rules/backtest"
	"leadline/source"
)

// maxQueries bounds what a rule's own SQL may cost in a backtest: it is asked once a slot.
const maxQueries = 2000

func runBacktest(ctx context.Context, c *command) (err error) {
	flags := c.flags("backtest")
	file := configFlag(flags)
	now := time.Now()
	b := app.Backtest{From: now.Add(-7 * 24 * time.Hour), To: now}
	momentFlag(flags, "from", "first moment, such as -7d or 2026-11-14T16:00Z (default -7d)", now, &b.From)
	momentFlag(flags, "to", "last moment (default now)", now, &b.To)
	flags.Func("rule", "play only the rules whose group/rule matches this regular expression", func(s string) (err error) {
		b.Rule, err = regexp.Compile(s)
		return err
	})
	flags.StringVar(&b.Diff, "diff", "", "another file or folder of rules: say what it would do otherwise")
	flags.IntVar(&b.MaxQueries, "max-queries", maxQueries, "skip a rule with SQL of its own that would ask more often")
	events := flags.Bool("events", false, "list every transition, too")
	asJSON := flags.Bool("json", false, "write JSON")
	if err := c.parse(flags, 1<<16); err != nil {
		return err
	}
	if b.To.After(now) {
		fmt.Fprintln(c.err, "--to is still to come: played until now")
		b.To = now
	}
	b.Paths = flags.Args()
	config, err := c.config(*file)
	if err != nil {
		return err
	}
	log := c.logger(slog.LevelWarn)
	data, err := app.Connect(ctx, app.Options{
		Config: config, Library: c.getenv("LEADLINE_CHDB"), Log: log,
		Progress: func(step string) { fmt.Fprintln(c.err, step) },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	report, other, err := data.Backtest(ctx, config, b)
	if err != nil {
		return err
	}
	if *asJSON {
		return c.backtestJSON(report, other)
	}
	return c.backtestText(report, other, b.Diff, *events)
}

func (c *command) backtestJSON(report, other *backtest.Report) error {
	out := struct {
		*backtest.Report
		Other *backtest.Report     `json:"other,omitempty"`
		Diff  *backtest.Difference `json:"diff,omitempty"`
	}{Report: report, Other: other}
	if other != nil {
		out.Diff = backtest.Diff(report, other)
	}
	e := json.NewEncoder(c.out)
	e.SetIndent("", "  ")
	return e.Encode(out)
}

func (c *command) backtestText(report, other *backtest.Report, name string, events bool) error {
	tell := func(r *backtest.Report) error {
		if err := r.Write(c.out); err != nil || !events {
			return err
		}
		fmt.Fprintf(c.out, "\nEVENTS\n")
		return r.WriteEvents(c.out)
	}
	if err := tell(report); err != nil || other == nil {
		return err
	}
	fmt.Fprintf(c.out, "\nWITH %s\n", name)
	if err := tell(other); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\nWHAT %s WOULD CHANGE\n", name)
	return backtest.Diff(report, other).Write(c.out)
}

// momentFlag is a time, or how long before now.
func momentFlag(f *flag.FlagSet, name, usage string, now time.Time, into *time.Time) {
	f.Func(name, usage, func(s string) error {
		t, err := moment(s, now)
		*into = t
		return err
	})
}

func moment(s string, now time.Time) (time.Time, error) {
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		d, err := source.ParseDuration(ago)
		if err != nil {
			return time.Time{}, err
		}
		return now.Add(-d), nil
	}
	if s == "now" {
		return now, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-14T16:00Z nor a span such as -7d", s)
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"leadline/app"
)

func migrate(ctx context.Context, c *command) error {
	flags := c.flags("migrate")
	file := configFlag(flags)
	plan := flags.Bool("plan", false, "show the SQL and change nothing")
	if err := c.parse(flags, 0); err != nil {
		return err
	}
	config, err := c.config(*file)
	if err != nil {
		return err
	}
	steps, err := app.Migrate(ctx, config, *plan, c.logger(slog.LevelWarn))
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		_, err = fmt.Fprintln(c.out, "the tables are up to date")
		return err
	}
	for _, s := range steps {
		if *plan {
			fmt.Fprintf(c.out, "-- %s\n%s;\n\n", s, strings.Join(s.Statements, ";\n\n"))
			continue
		}
		fmt.Fprintln(c.out, "applied", s)
	}
	return nil
}

package main

import (
	"context"
	"fmt"

	"leadline/app"
)

func check(_ context.Context, c *command) error {
	flags := c.flags("check")
	if err := c.parse(flags, 1<<16); err != nil {
		return err
	}
	paths := flags.Args()
	if file := c.getenv("LEADLINE_CONFIG"); len(paths) == 0 && file != "" {
		paths = []string{file}
	}
	if len(paths) == 0 {
		fmt.Fprintln(c.err, "use: leadline check PATH…, such as leadline check examples")
		return errUsage
	}
	found, errs, err := app.Check(paths)
	if err != nil {
		return err
	}
	if len(errs) > 0 {
		return fmt.Errorf("%w\n\n%d mistakes in %s", errs, len(errs), found)
	}
	_, err = fmt.Fprintln(c.out, "ok:", found)
	return err
}

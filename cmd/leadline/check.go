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
	found, err := app.Check(paths)
	if err != nil {
		return err
	}
	if n := len(found.Mistakes); n > 0 {
		return fmt.Errorf("%w\n\n%s in %s", found.Mistakes, counted(n, "mistake"), found)
	}
	for _, n := range found.Notes {
		fmt.Fprintln(c.out, "note:", n)
	}
	_, err = fmt.Fprintln(c.out, "ok:", found)
	return err
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

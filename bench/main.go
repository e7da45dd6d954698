// Command bench measures the intake beside its limits, in one run on one machine: an HTTP handler that does nothing,
// and ClickHouse's native insert of ready rows. `make bench` writes what it finds into docs/PERFORMANCE.md.
//
// "Stored" means rows that are really in ClickHouse, divided by the time from the first request until the last row was
// there. The generator shares the machine with what it measures: read ratios, not absolute figures.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"leadline/engine"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "engine": // the embedded ClickHouse of the insert limit is a child of this binary
			os.Exit(engine.Main(os.Args[2:]))
		case "null":
			os.Exit(exit(serveNull(os.Stdout)))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	do, args := run, os.Args[1:]
	if len(args) > 0 {
		switch args[0] {
		case "profile":
			do, args = profile, args[1:]
		case "load":
			do, args = loadOnly, args[1:]
		}
	}
	code := exit(do(ctx, args, os.Stdout))
	stop()
	os.Exit(code)
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	seconds := flags.Duration("for", 10*time.Second, "how long each load runs")
	binary := flags.String("binary", "bin/leadline", "what to measure")
	report := flags.String("report", "docs/PERFORMANCE.md", "file whose marked part is written")
	if err := flags.Parse(args); err != nil {
		return err
	}
	say := func(format string, a ...any) { fmt.Fprintf(out, "· "+format+"\n", a...) }

	say("ClickHouse's native insert of ready rows")
	native, err := insertLimit(ctx, *seconds)
	if err != nil {
		return err
	}
	say("  %.0f rows/s", native.perSecond())

	var rows []row
	for _, events := range []int{1, 1000} {
		r := row{Events: events}
		if r.Full, r.Half, err = measureLeadline(ctx, *binary, events, *seconds); err != nil {
			return err
		}
		say("Leadline, %d a request: %.0f/s acknowledged, %.0f/s stored; at half of it p99 %v", events, r.Full.Acked, r.Full.Stored, r.Half.P99)
		if r.Null, r.NullHalf, err = measureNull(ctx, events, r.Full.Stored/2, *seconds); err != nil {
			return err
		}
		say("an empty handler: %.0f/s; p99 %v at Leadline's half", r.Null.Acked, r.NullHalf.P99)
		rows = append(rows, r)
	}
	if err := write(*report, rows, native); err != nil {
		return err
	}
	say("written into %s", *report)
	return nil
}

// Command bench measures Leadline beside its peers and its limits, in one run, on one machine, with one generator, and
// holds the result against its targets. `make bench` writes what it finds into docs/PERFORMANCE.md and fails when the
// floor of a target does not hold.
//
//	bench [-for 10s] [-runs 3] [-only leadline,null] [-scenarios outage,fairness]
//	bench rules
//	bench profile [-events 1000] [-rate 0] [-for 10s] [-dir bin/profiles]
//	bench load -addr 127.0.0.1:8080 -key ll_live_… [-events 1] [-rate 0] [-for 10s]
//
// "Stored" means rows that are really in ClickHouse, divided by the time from the first request until the last row was
// there. The generator shares the machine with what it measures: read ratios, not absolute figures. The two sides of a
// ratio that is close to its floor take turns in rounds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"leadline/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	do, args := bench, os.Args[1:]
	if len(args) > 0 {
		switch args[0] {
		case "engine": // the embedded ClickHouse is a child of this binary
			os.Exit(engine.Main(args[1:]))
		case "null":
			do = func(_ context.Context, _ []string, out io.Writer) error { return serveNull(out) }
		case "profile":
			do, args = profile, args[1:]
		case "rules":
			do, args = alone, args[1:]
		case "load":
			do, args = loadOnly, args[1:]
		}
	}
	err := do(ctx, args, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options of a whole bench.
type options struct {
	seconds   time.Duration // how long a load runs
	runs      int
	binary    string
	report    string
	only      []string // kinds and "native"
	scenarios []string
	collector string // path, once it is built
	data      string // where everything that is measured has its data
}

// requestSizes in events.
var requestSizes = []int{1, 1000}

func readOptions(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.DurationVar(&o.seconds, "for", 10*time.Second, "how long each load runs")
	flags.IntVar(&o.runs, "runs", 1, "how often everything is measured; figures are medians, and floors must hold each time")
	flags.StringVar(&o.binary, "binary", "bin/leadline", "the Leadline to measure")
	flags.StringVar(&o.report, "report", "docs/PERFORMANCE.md", "file whose marked part a complete run writes")
	subjects, chosen := []string{"native"}, []string{}
	for _, k := range kinds {
		subjects = append(subjects, k.name)
	}
	for _, s := range scenarios {
		chosen = append(chosen, s.name)
	}
	only := flags.String("only", strings.Join(subjects, ","), "subjects, or none; a run of some only is printed, not written")
	which := flags.String("scenarios", strings.Join(chosen, ","), "scenarios, or none; likewise")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var err error
	if o.only, err = choose(*only, subjects); err != nil {
		return nil, err
	}
	if o.scenarios, err = choose(*which, chosen); err != nil {
		return nil, err
	}
	if len(o.only) < len(subjects) || len(o.scenarios) < len(chosen) {
		o.report = ""
	}
	if o.runs < 1 || o.seconds <= 0 {
		return nil, errors.New("-runs and -for begin with 1")
	}
	return o, nil
}

// choose reads a list of names.
func choose(list string, known []string) (names []string, err error) {
	if list == "none" {
		return nil, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no %q: use some of %s, or none", name, strings.Join(known, ","))
		}
		names = append(names, name)
	}
	return names, nil
}

// run is everything that one run measured.
type run struct {
	Pairs     map[string]map[int][]pair // by kind, events a request and round
	Native    *limit
	Scenarios map[string]any // by name
	Others    float64        // share of the machine that other processes used
}

func bench(ctx context.Context, args []string, out io.Writer) error {
	o, err := readOptions(args)
	if err != nil {
		return err
	}
	if slices.Contains(o.only, "otel") {
		fmt.Fprintln(out, "· building the OpenTelemetry Collector (a minute the first time)")
		if o.collector, err = buildCollector(ctx); err != nil {
			return err
		}
	}
	remove, err := o.makeData()
	if err != nil {
		return err
	}
	defer remove()
	var all []*run
	for i := range o.runs {
		if o.runs > 1 {
			fmt.Fprintf(out, "· run %d of %d\n", i+1, o.runs)
		}
		r, err := measureAll(ctx, o, out)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	text := render(o, all)
	fmt.Fprintf(out, "\n%s", text)
	if o.report != "" {
		if err := write(o.report, text); err != nil {
			return err
		}
		fmt.Fprintf(out, "· written into %s\n", o.report)
	}
	if names := failed(all); len(names) > 0 {
		return fmt.Errorf("floors that did not hold: %s", strings.Join(names, "; "))
	}
	return nil
}

func measureAll(ctx context.Context, o *options, out io.Writer) (r *run, err error) {
	before, err := readMachine()
	if err != nil {
		return nil, err
	}
	r = &run{Pairs: map[string]map[int][]pair{}, Scenarios: map[string]any{}}
	defer func() {
		if err == nil {
			r.Others, err = before.others()
		}
	}()
	if err := r.measureSubjects(ctx, o, out); err != nil {
		return nil, err
	}
	if slices.Contains(o.only, "native") {
		l, err := insertLimit(ctx, o)
		if err != nil {
			return nil, err
		}
		r.Native = &l
		fmt.Fprintf(out, "· native insert of ready rows: %.0f/s\n", l.perSecond())
	}
	for _, s := range scenarios {
		if !slices.Contains(o.scenarios, s.name) {
			continue
		}
		fmt.Fprintf(out, "· %s: %s\n", s.name, s.does)
		got, err := s.measure(ctx, o, r)
		if errors.Is(err, errNoLatency) {
			fmt.Fprintf(out, "  %v\n", err)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		r.Scenarios[s.name] = got
		fmt.Fprintf(out, "  %+v\n", got)
	}
	return r, nil
}

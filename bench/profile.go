package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"time"

	"leadline/app"
)

// profile runs Leadline inside this process, with the generator as a child, and writes cpu.pprof and heap.pprof of the
// time under load. What it prints beside them is no measure: the profiler costs a few percent.
func profile(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("bench profile", flag.ContinueOnError)
	dir := flags.String("dir", "bin/profiles", "where cpu.pprof and heap.pprof are written")
	events := flags.Int("events", 1, "events a request")
	rate := flags.Float64("rate", 0, "events a second; 0 is as many as possible")
	seconds := flags.Duration("for", 10*time.Second, "how long the load runs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	data, err := os.MkdirTemp("", "leadline-bench-")
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	defer os.RemoveAll(data) //nolint:errcheck // the system's temporary folder
	at, err := configure(data, "")
	if err != nil {
		return err
	}
	config, err := app.ReadConfig(at.file)
	if err != nil {
		return err
	}
	a, err := app.Start(ctx, app.Options{Config: config, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Stop(ctx)) }()

	generator, err := start(ctx, os.Args[0], "load", "-addr", a.HTTP, "-key", a.Welcome.APIKey, "-events", strconv.Itoa(*events), "-rate", fmt.Sprint(*rate), "-for", seconds.String())
	if err != nil {
		return err
	}
	defer generator.stop()
	waitUntil(ctx, time.Now().Add(min(time.Second, *seconds/4))) // connections are made, buffers have grown
	if err := whileProfiled(filepath.Join(*dir, "cpu.pprof"), func() error {
		line, err := generator.line()
		fmt.Fprintln(out, line)
		return err
	}); err != nil {
		return err
	}
	return writeHeap(filepath.Join(*dir, "heap.pprof"))
}

// whileProfiled writes the CPU profile of the time that do takes.
func whileProfiled(path string, do func() error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

// writeHeap writes what is in use and what was allocated, as the last garbage collection left it.
func writeHeap(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	return errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}

// loadOnly is the generator by itself, against a Leadline that runs already. It prints one line.
func loadOnly(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("bench load", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "host:port")
	key := flags.String("key", "", "API key")
	events := flags.Int("events", 1, "events a request")
	rate := flags.Float64("rate", 0, "events a second; 0 is as many as possible")
	seconds := flags.Duration("for", 10*time.Second, "how long")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l := load{Addr: *addr, Shape: leadlineShape(*key, *events), Conns: conns(*events), Events: *events, Rate: *rate / float64(*events), For: *seconds}
	if *rate > 0 {
		l.Conns *= 4
	}
	r, err := l.run(ctx)
	if err != nil {
		return err
	}
	all := r.total()
	ms := three(&all.Latency)
	_, err = fmt.Fprintf(out, "%.0f events/s acknowledged; %d requests, by status %v, %d without an answer, %d not sent; p50 %.2f, p95 %.2f, p99 %.2f ms; generator %.1f µs a request, late by p99 %.2f ms\n",
		float64(all.Acked*int64(*events))/r.Took.Seconds(), all.requests(), r.Statuses, all.Failed, all.Unsent, ms[0], ms[1], ms[2], float64(r.CPU.Microseconds())/float64(all.requests()), r.Late.at(.99).Seconds()*1000)
	return err
}

package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"leadline/app"
)

// config reads the file that the flag or the environment names, or the defaults.
func (c *command) config(path string) (app.Config, error) {
	if path == "" {
		path = c.getenv("LEADLINE_CONFIG")
	}
	if path == "" {
		return app.Default(), nil
	}
	return app.ReadConfig(path)
}

func configFlag(f *flag.FlagSet) *string {
	return f.String("config", "", "configuration file; without one, everything has a default")
}

func serve(ctx context.Context, c *command) error {
	flags := c.flags("serve")
	file := configFlag(flags)
	if err := c.parse(flags, 0); err != nil {
		return err
	}
	config, err := c.config(*file)
	if err != nil {
		return err
	}
	// After each fsync the spool needs a turn to answer; where every processor that Go knows of is busy, that turn comes
	// after up to 61 others (runtime.schedule). With twice as many the kernel shares the cores out, 61 turns sooner: a
	// tenth more events a second on two cores, and half the slowest answers.
	if c.getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.NumCPU())
	}
	var collecting sync.WaitGroup
	defer collecting.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	collecting.Go(func() { collectCalmly(ctx) })
	log := c.logger(slog.LevelInfo)
	a, err := app.Start(ctx, app.Options{
		Config: config, Library: c.getenv("LEADLINE_CHDB"), TelegramToken: c.getenv("LEADLINE_TELEGRAM_TOKEN"), Log: log,
		Progress: func(step string) { log.Info("starting", "step", step) },
	})
	if err != nil {
		return err
	}
	c.welcome(a)
	return c.wait(ctx, a)
}

// wait runs until somebody asks for the end, or a part fails. SIGHUP has the rule files read again.
func (c *command) wait(ctx context.Context, a *app.App) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	var failed error
	for running := true; running; {
		select {
		case <-hangup:
			a.Reload()
		case <-ctx.Done():
			running = false
		case failed = <-a.Failed():
			running = false
		}
	}
	if err := a.Stop(ctx); err != nil {
		return err
	}
	return failed
}

// welcome tells a newcomer what to do next. Secrets are shown at the first start only.
func (c *command) welcome(a *app.App) {
	say := func(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }
	say("")
	say("  events            http://%s/v1/events", a.HTTP)
	say("  rules             http://%s/rules", a.HTTP)
	say("  ClickHouse        native %s%s", a.Native, httpHint(a))
	if w := a.Welcome; w.APIKey != "" {
		say("")
		say("  Shown once, keep them:")
		say("  API key           %s", w.APIKey)
		if w.AnalystPassword != "" {
			say("  analyst password  %s", w.AnalystPassword)
		}
		say("")
		say("  Send an event:")
		say("  %s", curlLine(a.HTTP, w.APIKey, time.Now()))
		if w.AnalystPassword != "" {
			say("")
			say("  Look at it:")
			say("  %s", sqlLine(a, w.AnalystPassword))
			say("  %s", curlSQLLine(a, w.AnalystPassword))
		}
	}
	say("")
}

func httpHint(a *app.App) string {
	if a.SQL == "" {
		return ""
	}
	return " · HTTP " + a.SQL
}

func curlLine(addr, key string, now time.Time) string {
	return fmt.Sprintf(`curl http://%s/v1/events -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{"id":"first-%d","type":"lead.started","campaign":"spring-sale","payload":{"start_param":"hello"}}'`, addr, key, now.Unix()%100000)
}

// look finds the events of curlLine. Debian's clickhouse-client is of 2018 and does not know DateTime64, so times are
// shown by the second.
const look = "SELECT toDateTime(received_at) AS received, partner, campaign, id, e2e_us FROM events WHERE partner = '" + app.FirstPartner + "' ORDER BY received_at DESC LIMIT 5"

func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return p
}

func sqlLine(a *app.App, password string) string {
	return fmt.Sprintf(`clickhouse-client --port %s -u analyst --password %s -d leadline -q %q`, port(a.Native), password, look)
}

func curlSQLLine(a *app.App, password string) string {
	return fmt.Sprintf(`curl 'http://analyst:%s@%s/?database=leadline' -d "%s FORMAT PrettyCompact"`, password, a.SQL, look)
}

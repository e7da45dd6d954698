// Command leadline is all of Leadline in one binary; `leadline help` lists its verbs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"leadline"
	"leadline/engine"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "engine" { // hidden: the embedded ClickHouse is a child of this binary
		os.Exit(engine.Main(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.Getenv))
}

// command is what every verb gets.
type command struct {
	args   []string
	out    io.Writer // what was asked for
	err    io.Writer // logs, and what went wrong
	getenv func(string) string
}

type verb struct {
	name, args, does string
	run              func(ctx context.Context, c *command) error
}

var verbs = []verb{
	{"serve", "[--config leadline.yaml]", "take events, store them, watch the rules, tell people", serve},
	{"demo", "[--rate N] [--fault geoip|none] [--for 4m]", "the same, with simulated partners, a slow third party and a phone", runDemo},
	{"check", "[PATH…]", "find every mistake in configuration, schemas and rules", check},
	{"test", "[PATH…] [--run RE] [--junit FILE]", "run the tests of rules", test},
	{"import", "prometheus|sloth|openslo FILE…", "rules and objectives of other systems as YAML of Leadline", importForeign},
	{"backtest", "[--from -7d] [--rule RE] [--diff DIR] [PATH…]", "what rules would have done over what is stored", runBacktest},
	{"keys", "create|rotate PARTNER, list, revoke ID", "API keys of partners", keys},
	{"migrate", "[--plan]", "bring the tables of clickhouse.addrs up to date, or show how", migrate},
	{"version", "", "print the version", version},
}

// errUsage is an error that has been explained to the user.
var errUsage = errors.New("wrong usage")

// run is main with everything given, so that tests can call it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, getenv func(string) string) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		usage(stdout)
		return 0
	}
	for _, v := range verbs {
		if v.name != args[0] {
			continue
		}
		err := v.run(ctx, &command{args[1:], stdout, stderr, getenv})
		switch {
		case err == nil:
			return 0
		case errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		}
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintf(stderr, "there is no verb %q\n\n", args[0])
	usage(stderr)
	return 2
}

func usage(w io.Writer) {
	var b strings.Builder
	b.WriteString("Leadline watches the automation behind Telegram partner networks.\n\n")
	for _, v := range verbs {
		fmt.Fprintf(&b, "  leadline %-52s %s\n", strings.TrimSpace(v.name+" "+v.args), v.does)
	}
	b.WriteString("\nEnvironment: LEADLINE_CONFIG, LEADLINE_TELEGRAM_TOKEN, LEADLINE_CHDB (path of libchdb).\n")
	io.WriteString(w, b.String()) //nolint:errcheck // nobody is left to tell
}

// flags are parsed by the standard library; the usage line is the verb's own.
func (c *command) flags(name string) *flag.FlagSet {
	f := flag.NewFlagSet("leadline "+name, flag.ContinueOnError)
	f.SetOutput(c.err)
	return f
}

// parse parses flags, which may stand before and behind the arguments, and says whether anything is left that the verb
// does not take.
func (c *command) parse(f *flag.FlagSet, most int) error {
	args := []string{"--"}
	for rest := c.args; ; rest = f.Args()[1:] {
		if err := f.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return err
		} else if err != nil {
			return errUsage
		}
		if f.NArg() == 0 {
			break
		}
		args = append(args, f.Arg(0))
	}
	if err := f.Parse(args); err != nil {
		panic("BUG: " + err.Error())
	}
	if f.NArg() > most {
		fmt.Fprintf(c.err, "%s: unexpected %q\n", f.Name(), f.Arg(most))
		return errUsage
	}
	return nil
}

func (c *command) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))
}

func version(_ context.Context, c *command) error {
	_, err := fmt.Fprintln(c.out, "leadline", leadline.Version)
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"leadline"
	"leadline/app"
	"leadline/demo"
	"leadline/demo/phone"
	"leadline/source"
	"leadline/sql"
)

// The demo's people and chat. The ids are those of nobody: Telegram's own begin far above them.
const (
	demoToken = "42:demo-token-of-the-phone"
	demoChat  = -1001
	anna      = 1001
	boris     = 1002
	olena     = 1003
	stranger  = 1009
)

func runDemo(ctx context.Context, c *command) error {
	flags := c.flags("demo")
	rate := flags.Float64("rate", 200, "events a second at the rush")
	fault := flags.String("fault", demo.FaultGeoIP, "what breaks: geoip or none")
	length := flags.Duration("for", 0, "end by itself after this time; 0 runs until Ctrl-C")
	examples := flags.String("examples", "examples", "folder with the schemas and rules of the demo")
	base := flags.Int("port", 8080, "first of five ports: Leadline, phone, third party, ClickHouse native and HTTP")
	data := flags.String("data", "data/demo", "folder of the demo; emptied at every start")
	if err := c.parse(flags, 0); err != nil {
		return err
	}
	switch {
	case *fault != demo.FaultGeoIP && *fault != demo.FaultNone:
		return fmt.Errorf("--fault %s: use geoip or none", *fault)
	case *rate < 1 || *rate > 5000:
		return fmt.Errorf("--rate %g: use 1 to 5000 events a second", *rate)
	case *length != 0 && *fault == demo.FaultGeoIP && *length < demo.Shortest:
		return fmt.Errorf("--for %s: the story takes %s with the fault; use at least that, or --fault none", *length, demo.Shortest)
	}
	if err := emptyDemoFolder(*data); err != nil {
		return err
	}

	third := &demo.ThirdParty{}
	thirdAddr, err := c.side(ctx, loopback(*base+2), third)
	if err != nil {
		return err
	}
	handset := phone.New(phone.Options{
		Token: demoToken,
		Users: []phone.User{{ID: anna, Name: "Anna"}, {ID: boris, Name: "Boris"}, {ID: olena, Name: "Olena"}, {ID: stranger, Name: "a stranger"}},
		Chats: []phone.Chat{{ID: demoChat, Title: "ops", Kind: phone.Supergroup}},
	})
	phoneAddr, err := c.side(ctx, loopback(*base+1), handset)
	if err != nil {
		return err
	}

	config := demoConfig(*examples, *data, thirdAddr, phoneAddr)
	config.Listen.Value = loopback(*base)
	config.ClickHouse.Embedded.Native, config.ClickHouse.Embedded.HTTP = loopback(*base+3), loopback(*base+4)
	fmt.Fprintf(c.out, "\n  Leadline · a campaign rush, a slow third party, and the phone of whoever is on call\n\n")
	began := time.Now()
	a, err := app.Start(ctx, app.Options{
		Config: config, Library: c.getenv("LEADLINE_CHDB"), TelegramToken: demoToken, Log: c.logger(slog.LevelWarn),
		Progress: func(step string) { fmt.Fprintf(c.out, "  · %s\n", step) },
	})
	if err != nil {
		return err
	}
	keys, err := demoKeys(ctx, a)
	if err != nil {
		return errors.Join(err, a.Stop(ctx))
	}
	fmt.Fprintf(c.out, "  · ready after %.1f s\n\n", time.Since(began).Seconds())
	fmt.Fprintf(c.out, "  open the phone    http://%s/phone\n", phoneAddr)
	fmt.Fprintf(c.out, "  send an event     %s\n", curlLine(a.HTTP, a.Welcome.APIKey, began))
	fmt.Fprintf(c.out, "  look at the data  %s\n", sqlLine(a, a.Welcome.AnalystPassword))
	fmt.Fprintf(c.out, "                    %s\n\n", curlSQLLine(a, a.Welcome.AnalystPassword))

	story := &demo.Story{
		Bots:       &demo.Bots{URL: "http://" + a.HTTP + "/v1/events", Keys: keys, Rate: *rate, Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}},
		ThirdParty: third, Leadline: watched{a}, Fault: *fault, For: *length, Out: c.out,
	}
	told := make(chan demo.Summary, 1)
	story1, stop := context.WithCancel(ctx)
	defer stop()
	go func() { told <- story.Tell(story1) }()
	var failed error
	var summary demo.Summary
	select {
	case summary = <-told:
	case failed = <-a.Failed():
		stop()
		summary = <-told
	}
	summary.Print(c.out)
	if err := errors.Join(failed, a.Stop(ctx)); err != nil {
		return err
	}
	if len(summary.Broken) > 0 {
		return fmt.Errorf("%d promises were broken", len(summary.Broken))
	}
	return nil
}

// demoConfig is the configuration of a Leadline among the demo's third parties.
func demoConfig(examples, data, third, phone string) app.Config {
	config := app.Default()
	config.Data = data
	config.Schemas = app.At{Value: filepath.Join(examples, "schemas")}
	config.Pipeline.Qualify = app.At{Value: filepath.Join(examples, "qualify.yaml")}
	config.Pipeline.GeoIP.URL = app.At{Value: "http://" + third + "/v1/country"}
	for _, file := range []string{"intake-latency.yaml", "oncall.yaml"} { // the one page, without the tickets beside it
		config.Rules = append(config.Rules, app.At{Value: filepath.Join(examples, "rules", file)})
	}
	config.Telegram.API = "http://" + phone
	id := func(name string, n int64) source.Entry[source.At[int64]] {
		return source.Entry[source.At[int64]]{Name: app.At{Value: name}, Value: source.At[int64]{Value: n}}
	}
	config.Telegram.Chats = source.Map[source.At[int64]]{id("ops", demoChat)}
	config.Telegram.People = source.Map[source.At[int64]]{id("Anna", anna), id("Boris", boris), id("Olena", olena)}
	return config
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// demoMark says that a folder is the demo's own and may be emptied.
const demoMark = ".leadline-demo"

func emptyDemoFolder(dir string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, demoMark)); err != nil {
			return fmt.Errorf("--data %s is not the demo's folder: name a new one, it is emptied at every start", dir)
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("empty %s: %w", dir, err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("demo folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, demoMark), nil, 0o600); err != nil {
		return fmt.Errorf("demo folder: %w", err)
	}
	return nil
}

// side serves one of the demo's own parties until ctx ends.
func (c *command) side(ctx context.Context, addr string, h http.Handler) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("listen on %s: %w: another demo may be running", addr, err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go s.Serve(l)                                //nolint:errcheck // ends with the demo
	context.AfterFunc(ctx, func() { l.Close() }) //nolint:errcheck // as above
	return l.Addr().String(), nil
}

// demoKeys makes an API key for each of the demo's partners.
func demoKeys(ctx context.Context, a *app.App) (map[string]string, error) {
	keys := map[string]string{}
	for _, p := range demo.Partners {
		_, text, err := a.NewKey(ctx, p.Name, "demo", []string{leadline.ScopeEventsWrite})
		if err != nil {
			return nil, err
		}
		keys[p.Name] = text
	}
	return keys, nil
}

// watched is what the story may see of a running Leadline.
type watched struct{ *app.App }

// Counts implements demo.Leadline.
func (w watched) Counts(ctx context.Context) (c demo.Counts, err error) {
	t, err := w.Select(ctx, leadline.Query{Name: "demo_counts", SQL: sql.Query("demo_counts"), Params: map[string]any{"not_partner": app.FirstPartner}})
	if err != nil {
		return c, err
	}
	if len(t.Rows) != 1 {
		return c, fmt.Errorf("demo counts: %d rows", len(t.Rows))
	}
	r := t.Rows[0]
	return demo.Counts{Rows: r[0].(int64), Distinct: r[1].(int64), P95MS: r[2].(float64)}, nil
}

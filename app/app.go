package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"leadline"
	"leadline/engine"
	"leadline/ingest"
	"leadline/ingest/enrich"
	"leadline/ingest/spool"
	"leadline/limit"
	"leadline/lineage"
	"leadline/metrics"
	"leadline/notify/telegram"
	"leadline/oncall"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/server"
	"leadline/state"
	"leadline/store"
)

// Options of an App.
type Options struct {
	Config        Config
	Library       string // path of libchdb, "" to look for it
	TelegramToken string // over the configuration's token_file
	Log           *slog.Logger
	Progress      func(step string) // a line for people at each long step; nil for none
}

// App is a running Leadline.
type App struct {
	cleanups []cleanup
	running  sync.WaitGroup
	failed   chan error

	state    *state.DB
	engine   *engine.Engine // nil with a ClickHouse of its own
	store    *store.DB
	pipeline *ingest.Pipeline
	desk     *oncall.Desk
	reloader *reloader

	Welcome Welcome // what the first start says
	HTTP    string  // the address that answers HTTP
	Native  string  // the address of ClickHouse's native protocol
	SQL     string  // the address of ClickHouse's HTTP interface, "" where it is not ours
}

// cleanup undoes one step of the start.
type cleanup struct {
	name string
	do   func(ctx context.Context) error
}

// stopTimeout bounds the stop of everything together.
const stopTimeout = 30 * time.Second

func (a *App) onStop(name string, do func(ctx context.Context) error) {
	a.cleanups = append(a.cleanups, cleanup{name, do})
}

// Stop undoes the start, last step first, and may be called again. What is acknowledged stays in the spool.
func (a *App) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	var errs []error
	for _, c := range slices.Backward(a.cleanups) {
		if err := c.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", c.name, err))
		}
	}
	a.cleanups = nil
	return errors.Join(errs...)
}

// Failed gets the error of a part that ended although nobody stopped it.
func (a *App) Failed() <-chan error { return a.failed }

// Reload has the rule files read now, not only when they are seen to have changed.
func (a *App) Reload() { a.reloader.Reload() }

// background runs a part until Stop. The parts that other parts need are started before them, so they end after them.
func (a *App) background(ctx context.Context, name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	a.running.Go(func() {
		defer close(done)
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		select {
		case a.failed <- fmt.Errorf("%s: %w", name, errors.Join(err, errors.New("ended unexpectedly"))):
		default:
		}
	})
	a.onStop(name, func(ctx context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Start brings everything up in the order of its needs. Where a step fails, the steps before it are undone.
func Start(ctx context.Context, o Options) (*App, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	a := &App{failed: make(chan error, 1)}
	if err := a.setup(ctx, o); err != nil {
		return nil, errors.Join(err, a.Stop(ctx))
	}
	return a, nil
}

// setup is one straight line on purpose: each step uses what the steps before it made, and undoes itself in reverse.
func (a *App) setup(ctx context.Context, o Options) error {
	c := o.Config

	// Everything that a person can get wrong is read before anything is started.
	said, _ := content(c.Rules) // before readRules: an edit after it counts as one
	set, err := readRules(c.Rules)
	if err != nil {
		return err
	}
	schemas, err := readSchemas(c.Schemas)
	if err != nil {
		return err
	}
	qualify, err := readQualify(c.Pipeline.Qualify)
	if err != nil {
		return err
	}
	geo, err := openGeoIP(c.Pipeline.GeoIP, o.Log)
	if err != nil {
		return err
	}
	if h, ok := geo.(*enrich.HTTP); ok {
		a.onStop("GeoIP", func(context.Context) error { h.Close(); return nil })
	}
	bots, err := readBots(c)
	if err != nil {
		return err
	}
	signers, err := readSigners(c)
	if err != nil {
		return err
	}
	hooks, err := readHooks(c)
	if err != nil {
		return err
	}
	heartbeat, err := newBeater(c.Heartbeat, &beater{log: o.Log})
	if err != nil {
		return err
	}
	token, err := readToken(c.Telegram, o.TelegramToken)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, c.Listen.Value)
	if err != nil {
		return err
	}
	a.onStop("listener", func(context.Context) error { listener.Close(); return nil }) //nolint:errcheck // the server has closed it
	a.HTTP = listener.Addr().String()

	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if a.state, err = state.Open(filepath.Join(c.Data, "state.db")); err != nil {
		return err
	}
	a.onStop("state", func(context.Context) error { return a.state.Close() })
	secret, err := loadSecrets(ctx, a.state)
	if err != nil {
		return err
	}
	if err := a.openStore(ctx, o, secret); err != nil {
		return err
	}
	queue, err := spool.Open(spool.Options{
		Dir: filepath.Join(c.Data, "spool"), MaxBytes: int64(c.Spool.Max), Window: c.Spool.Window.Value, Log: o.Log,
	})
	if err != nil {
		return err
	}
	a.onStop("spool", func(context.Context) error { return queue.Close() })
	forgotten, err := a.forgetting(ctx, secret, o.Log)
	if err != nil {
		return err
	}
	m := metrics.New()
	limits := limit.New(c.Policies())
	a.pipeline, err = ingest.New(ingest.Options{
		Spool: queue, Writer: m.Writer(a.store), Schemas: schemas, GeoIP: geo, Qualify: qualify, Limits: limits,
		Pepper: pepper(secret.Pepper), Suppressed: forgotten.Suppressed, Permanent: store.Permanent, Log: o.Log,
	})
	if err != nil {
		return err
	}
	a.background(ctx, "pipeline", a.pipeline.Run)
	a.background(ctx, "erasures", forgotten.Run)
	summed := newHours(a.store.SumHours, o.Log)
	a.background(ctx, "hours", summed.Run)

	a.startDesk(ctx, c, set, token, secret, o.Log)
	reader := measure.New(a.store)
	engine := rules.New(rules.Options{
		Groups: set.Groups, Asker: reader, Sink: a.desk, Log: o.Log,
		Watermark: func() time.Time { return summed.Watermark(a.pipeline.Watermark()) },
		Review: &rules.Review{Journal: a.desk.Missed, History: func(ctx context.Context, asks []*measure.Ask, from, to time.Time) (rules.Past, error) {
			return reader.History(ctx, asks, from, to, 0) // SQL of one's own would be a query a slot
		}},
	})
	a.background(ctx, "rules", engine.Run)
	a.reloader = newReloader(&reloader{paths: c.Rules, tried: said, engine: engine, desk: a.desk, log: o.Log})
	a.background(ctx, "rule files", a.reloader.Run)
	if heartbeat != nil {
		heartbeat.rules, heartbeat.state = engine, a.state
		a.background(ctx, "heartbeat", heartbeat.Run)
	}

	analyst := ""
	if a.engine != nil {
		analyst = secret.Analyst
	}
	if a.Welcome, err = welcome(ctx, a.state, analyst, time.Now()); err != nil {
		return err
	}
	a.watch(ctx, m, watching{spool: queue, rules: engine, heartbeat: heartbeat, write: a.store.WriteResources, data: c.Data, log: o.Log})
	keys := &keyring{db: a.state}
	a.onStop("days of last use", keys.Flush)
	web := server.New(server.Options{
		Intake: a.pipeline, Keys: keys, Used: keys.Used, Limits: limits, Signers: signers, Bots: bots, Hooks: hooks,
		Lookup: &lookup{a.store, queue}, Rules: &rulesView{engine: engine, tables: a.store, log: o.Log}, SLOs: engine.SLOs, Eraser: forgotten, Metrics: m.Handler(), Observer: m, Ready: a.ready(queue), Log: o.Log,
	})
	a.background(ctx, "server", func(context.Context) error { return web.Serve(listener) })
	a.onStop("requests", func(ctx context.Context) error { return endRequests(ctx, web) })
	return nil
}

// requestsTimeout is long for a request, which takes milliseconds, and short for whoever waits for the stop: a browser
// keeps connections open on which it has not asked anything yet, and those end by their own timeout only.
const requestsTimeout = 3 * time.Second

// endRequests lets running requests end. What is cut was not acknowledged.
func endRequests(ctx context.Context, web *server.Server) error {
	short, cancel := context.WithTimeout(ctx, requestsTimeout)
	defer cancel()
	if err := web.Shutdown(short); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ctx.Err()
}

// startDesk brings up incidents and the way to people's phones.
func (a *App) startDesk(ctx context.Context, c Config, set ruleSet, token string, secret secrets, log *slog.Logger) {
	o := oncall.Options{
		State: a.state, Explain: a.explain, Schedules: set.Schedules,
		Chats: oncall.Chats{}, Log: log,
	}
	for _, chat := range c.Telegram.Chats {
		o.Chats[chat.Name.Value] = oncall.Target{Chat: chat.Value.Value}
	}
	for _, p := range c.Telegram.People {
		o.People = append(o.People, leadline.Person{Name: p.Name.Value, TelegramID: p.Value.Value})
	}
	if token == "" {
		o.Notifier = oncall.NewLogNotifier(log)
		if len(o.Chats) == 0 {
			o.Chats["log"] = oncall.Target{Chat: 1}
		}
		a.desk = oncall.New(o)
		a.background(ctx, "on-call desk", a.desk.Run)
		return
	}
	client := telegram.New(telegram.Options{Token: token, API: c.Telegram.API, Secret: secret.Buttons, Log: log})
	o.Notifier = client
	a.desk = oncall.New(o)
	a.background(ctx, "on-call desk", a.desk.Run)
	a.background(ctx, "telegram", func(ctx context.Context) error { return client.Poll(ctx, a.desk.Press) })
}

// openStore starts the embedded engine, or uses the ClickHouse of the configuration, and brings its tables up to date.
func (a *App) openStore(ctx context.Context, o Options, secret secrets) (err error) {
	c := o.Config.ClickHouse
	password, err := readSecret(c.PasswordFile)
	if err != nil {
		return err
	}
	s := c.store(password, o.Log)
	if len(c.Addrs) == 0 {
		library, err := engine.FindLibrary(o.Library)
		if err != nil {
			return err
		}
		o.Progress("starting the embedded ClickHouse")
		a.engine, err = engine.Start(ctx, engine.Options{
			Dir: filepath.Join(o.Config.Data, "clickhouse"), Library: library, Native: c.Embedded.Native, HTTP: c.Embedded.HTTP,
			MaxMemory: int64(c.Embedded.MaxMemory), WriterPassword: secret.Writer, AnalystPassword: secret.Analyst, Log: o.Log,
		})
		if err != nil {
			return err
		}
		a.onStop("ClickHouse", func(context.Context) error { return a.engine.Close() })
		a.SQL = a.engine.HTTPAddr()
		s.Addrs, s.Username, s.Password, s.Compress = []string{a.engine.NativeAddr()}, "leadline", secret.Writer, false
	}
	a.Native = strings.Join(s.Addrs, ",")
	if a.store, err = store.Open(ctx, s); err != nil {
		return err
	}
	a.onStop("store", func(context.Context) error { return a.store.Close() })
	if _, err := a.store.Migrate(ctx); err != nil {
		return fmt.Errorf("bring the tables up to date: %w", err)
	}
	return nil
}

// store says how to reach a ClickHouse that is not embedded.
func (c *ClickHouse) store(password string, log *slog.Logger) store.Options {
	o := store.Options{Addrs: c.Addrs, Database: c.Database, Username: c.Username, Password: password, Cluster: c.Cluster, Compress: true, Log: log}
	if c.TLS {
		o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return o
}

// forgetting brings up what deletes leads. The pipeline asks it for the leads of whom nothing is taken, and it asks the
// pipeline how far it has come.
func (a *App) forgetting(ctx context.Context, secret secrets, log *slog.Logger) (*erasures, error) {
	peppers := pepper(secret.Pepper)
	return newErasures(ctx, erasureOptions{
		State: a.state,
		Delete: func(ctx context.Context, partner, leadKey string) (events, rejected int64, err error) {
			gone, err := a.store.Erase(ctx, partner, leadKey)
			return gone.Events, gone.Rejected, err
		},
		Lag:     func() time.Duration { return a.pipeline.Stats().Lag },
		LeadKey: func(partner string, chat int64) string { return ingest.LeadKey(peppers(partner), chat) },
		Log:     log,
	})
}

// explain finds where the slow events of an incident spend their time.
func (a *App) explain(ctx context.Context, started, now time.Time, labels leadline.Labels) (*leadline.Verdict, error) {
	return lineage.Explain(ctx, a.store, lineage.WindowFor(started, now, labels))
}

// ready says whether events can be taken.
func (a *App) ready(queue *spool.Spool) func(context.Context) error {
	return func(context.Context) error {
		switch {
		case queue.Err() != nil:
			return errors.New("the spool's disk fails")
		case queue.Fill() > 0.95:
			return errors.New("the spool is full")
		}
		return nil
	}
}

// pepper gives each partner a key of its own, so that the leads of two partners cannot be joined.
func pepper(master []byte) func(partner string) []byte {
	return func(partner string) []byte {
		m := hmac.New(sha256.New, master)
		m.Write([]byte(partner))
		return m.Sum(nil)
	}
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: free the port or set listen", addr, err)
	}
	return l, nil
}

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"leadline"
	"leadline/engine"
	"leadline/state"
	"leadline/store"
)

// Data is a way to read the tables of a Leadline, for a verb beside a running serve or without one.
type Data struct {
	Place string // host:port of ClickHouse, or the folder of the embedded one

	store  *store.DB
	engine *engine.Engine // nil where somebody else runs ClickHouse
}

// anyPort is for an engine that only this process talks to.
const anyPort = "127.0.0.1:0"

// Connect finds the tables of a configuration. With clickhouse.addrs they are there. The embedded ClickHouse is reached
// through a running serve; where none runs, it is started until Close. Tables that this Leadline would first have to
// bring up to date are an error: only serve and migrate change them.
func Connect(ctx context.Context, o Options) (*Data, error) {
	d, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	steps, err := d.store.Plan(ctx)
	switch {
	case err != nil:
	case len(steps) > 0 && len(o.Config.ClickHouse.Addrs) == 0:
		err = fmt.Errorf("the tables in %s miss %s: start leadline serve once, it brings them up to date", d.Place, steps[0])
	case len(steps) > 0:
		err = fmt.Errorf("the tables at %s miss %s: run leadline migrate", d.Place, steps[0])
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func connect(ctx context.Context, o Options) (*Data, error) {
	c := o.Config.ClickHouse
	if len(c.Addrs) > 0 {
		password, err := readSecret(c.PasswordFile)
		if err != nil {
			return nil, err
		}
		return open(ctx, c.store(password, o.Log))
	}
	secret, err := knownSecrets(ctx, o.Config.Data)
	if err != nil {
		return nil, err
	}
	s := c.store(secret.Writer, o.Log)
	s.Compress = false
	s.Addrs = []string{c.Embedded.Native}
	d, refused := open(ctx, s)
	if refused == nil {
		return d, nil
	}
	return start(ctx, o, s, secret, refused)
}

// open answers with a store that was reached.
func open(ctx context.Context, s store.Options) (*Data, error) {
	db, err := store.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Data{Place: s.Addrs[0], store: db}, nil
}

// start runs the embedded engine for this process alone. Where another one has the folder, what it said at its address
// (refused) tells more.
func start(ctx context.Context, o Options, s store.Options, secret secrets, refused error) (*Data, error) {
	library, err := engine.FindLibrary(o.Library)
	if err != nil {
		return nil, err
	}
	if o.Progress != nil {
		o.Progress("no leadline serve answers at " + s.Addrs[0] + ", starting the embedded ClickHouse")
	}
	dir := filepath.Join(o.Config.Data, "clickhouse")
	e, err := engine.Start(ctx, engine.Options{
		Dir: dir, Library: library, Native: anyPort, HTTP: anyPort, MaxMemory: int64(o.Config.ClickHouse.Embedded.MaxMemory),
		WriterPassword: secret.Writer, AnalystPassword: secret.Analyst, Log: o.Log,
	})
	if errors.Is(err, engine.ErrHeld) {
		return nil, fmt.Errorf("another Leadline holds %s, but not at %s: wait until it has started, or give the configuration that it runs with: %w", dir, s.Addrs[0], refused)
	}
	if err != nil {
		return nil, err
	}
	s.Addrs = []string{e.NativeAddr()}
	d, err := open(ctx, s)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	d.Place, d.engine = dir, e
	return d, nil
}

// knownSecrets are those that serve has made. Nothing is made here.
func knownSecrets(ctx context.Context, data string) (s secrets, err error) {
	path := filepath.Join(data, "state.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("there is no %s: start leadline serve once, or name its configuration with --config", path)
	}
	db, err := state.Open(path)
	if err != nil {
		return s, err
	}
	defer db.Close() //nolint:errcheck // nothing was written
	err = db.View(ctx, func(tx *state.Tx) error {
		for name, value := range map[string]*string{"clickhouse.writer": &s.Writer, "clickhouse.analyst": &s.Analyst} {
			text, ok, err := tx.Setting(name)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("%s has no passwords of ClickHouse yet: start leadline serve once", path)
			}
			*value = string(text)
		}
		return nil
	})
	return s, err
}

// Select reads ClickHouse.
func (d *Data) Select(ctx context.Context, q leadline.Query) (*leadline.Table, error) {
	return d.store.Select(ctx, q)
}

// Close ends the connections, and the engine if it was started here.
func (d *Data) Close() error {
	err := d.store.Close()
	if d.engine != nil {
		err = errors.Join(err, d.engine.Close())
	}
	return err
}

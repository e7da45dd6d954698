package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// defaultMemory is what the engine may use when nothing else is said: 2 GiB.
const defaultMemory = 2 << 30

// ErrHeld says that the directory has an engine already.
var ErrHeld = errors.New("another Leadline uses")

// Options say where and how the engine runs.
type Options struct {
	Dir             string // holds everything of the engine; created if missing, one engine at a time
	Library         string // path of libchdb.so, see FindLibrary
	Native, HTTP    string // guarded listen addresses; port 0 is any free port
	MaxMemory       int64  // bytes; 0 is 2 GiB
	WriterPassword  string // of user leadline, who may do everything; it may be another one at every start
	AnalystPassword string // of user analyst, who may read the databases whose names begin with leadline
	Log             *slog.Logger
	Command         []string // the command that calls Main; nil is this executable with the verb engine
}

// Engine is a running embedded ClickHouse.
type Engine struct {
	options   Options
	log       *slog.Logger
	config    string
	lock      *os.File // of the directory
	storeLock *os.File // of the store, inherited by the child
	native    *guard
	http      *guard
	current   atomic.Pointer[child]
	life      life
	ports     func() ([2]int, error) // of the loopback, for the next child: native, HTTP

	stop  context.CancelFunc
	done  chan struct{} // closed when supervise has returned
	close sync.Once
	err   error // of Close
}

// Start runs the engine and returns when it answers on both guarded addresses, about a second later. It fails at once,
// with the command to run, when the library is missing, a port is taken or another engine has the directory; it fails
// with the child's last lines when the child ends. ctx bounds the start only; Close ends the engine.
func Start(ctx context.Context, o Options) (*Engine, error) {
	return start(ctx, o, usualLimits, freePorts)
}

func start(ctx context.Context, o Options, limits limits, ports func() ([2]int, error)) (_ *Engine, err error) {
	if o, err = o.complete(); err != nil {
		return nil, err
	}
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	e := &Engine{options: o, log: o.Log, ports: ports, stop: stop, done: make(chan struct{})}
	defer func() {
		if err != nil {
			stop()
			err = errors.Join(err, e.release())
		}
	}()
	if e.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	if e.storeLock, err = openStoreLock(o.Dir); err != nil {
		return nil, err
	}
	if e.config, err = writeConfig(o); err != nil {
		return nil, err
	}
	if e.native, err = e.listen(alive, "native", o.Native, e.serveNative, limits); err != nil {
		return nil, err
	}
	if e.http, err = e.listen(alive, "http", o.HTTP, serveHTTP, limits); err != nil {
		return nil, err
	}
	if err := e.takeStore(ctx); err != nil {
		return nil, err
	}
	c, err := e.launch(ctx)
	if err != nil {
		return nil, err
	}
	e.life.begins()
	go e.supervise(alive, c)
	return e, nil
}

// complete fills in the defaults and prepares the directory.
func (o Options) complete() (Options, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxMemory == 0 {
		o.MaxMemory = defaultMemory
	}
	var err error
	if o.Library, err = FindLibrary(o.Library); err != nil {
		return o, err
	}
	if o.Command == nil {
		exe, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("engine: find our own executable: %w", err)
		}
		o.Command = []string{exe, "engine"}
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return o, fmt.Errorf("engine: %w", err)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return o, fmt.Errorf("engine: create the data directory: %w", err)
	}
	return o, nil
}

// listen opens a guarded address; name is the key under clickhouse.embedded that sets it.
func (e *Engine) listen(ctx context.Context, name, address string, serve func(context.Context, *session), limits limits) (*guard, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("engine: cannot listen on %s: free the port or set clickhouse.embedded.%s to another address: %w", address, name, err)
	}
	return newGuard(ctx, listener.(*net.TCPListener), serve, limits, e.log.With("guard", name)), nil
}

// NativeAddr is the guarded address of the native protocol, as host:port.
func (e *Engine) NativeAddr() string { return e.native.addr() }

// HTTPAddr is the guarded address of the HTTP protocol, as host:port.
func (e *Engine) HTTPAddr() string { return e.http.addr() }

// Restarts counts how often the child had to be started again.
func (e *Engine) Restarts() int { return e.life.restarts() }

// Pid is the process id of the child, of the last one while it is being restarted.
func (e *Engine) Pid() int { return e.current.Load().cmd.Process.Pid }

// Close stops the engine: its clients first, then the child in order, by force after some seconds. It may be called
// again.
func (e *Engine) Close() error {
	e.close.Do(func() {
		e.native.stop()
		e.http.stop()
		e.stop()
		<-e.done
		e.err = e.release()
	})
	return e.err
}

// release gives back what Start took, but for the child.
func (e *Engine) release() error {
	for _, g := range []*guard{e.native, e.http} {
		if g != nil {
			g.stop()
			g.wait()
		}
	}
	var errs []error
	for _, f := range []*os.File{e.storeLock, e.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

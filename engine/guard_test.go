package engine_test

import (
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"leadline/engine"
)

// running counts the queries of all clients, itself included; the library's own has no user.
const running = "SELECT count() FROM system.processes WHERE user != ''"

// No misdeed may end the engine, keep it busy, or keep it from answering others.
func TestTheEngineOutlivesItsClients(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	ask(t, e, "CREATE TABLE default.x (n Int64) ENGINE = MergeTree ORDER BY n")
	pid, dying := e.Pid(), e.Dying()
	f := func(protocol, address string, m misdeed) {
		t.Helper()
		m.do(port{t, address})
		// The last session ends when the engine has ended its connection, or itself.
		eventually(t, protocol+": "+m.name+": the engine has done with it", func() bool { return e.Sessions() == 0 || closed(dying) })
		if got := ask(t, e, "SELECT 1"); got != "1" || closed(dying) || e.Pid() != pid {
			t.Fatalf("%s: %s: it ended the engine", protocol, m.name)
		}
	}
	for _, m := range nativeMisdeeds {
		f("native", e.NativeAddr(), m)
	}
	for _, m := range httpMisdeeds {
		f("http", e.HTTPAddr(), m)
	}
	eventually(t, "the queries have ended", func() bool { return ask(t, e, running) == "1" })
	if e.Restarts() != 0 {
		t.Errorf("%d restarts", e.Restarts())
	}
	for _, want := range []string{"native hello", "native password", "native database", "http password", "http request"} {
		if refused(e)[want] == 0 {
			t.Errorf("no %s among the refused: %v", want, refused(e))
		}
	}
}

// refused are the counts of Health by guard and reason.
func refused(e *engine.Engine) map[string]int64 {
	counts := map[string]int64{}
	for _, r := range e.Health().Refused {
		counts[r.Guard+" "+r.Reason] = r.Count
	}
	return counts
}

// The same misdeeds end an engine that has no guard: if this fails, the test above proves nothing, or the guard has
// become superfluous.
func TestTheGuardIsNeeded(t *testing.T) {
	t.Parallel()
	f := func(native bool, name string) {
		t.Helper()
		e := begin(t, options(t.TempDir()))
		nativePort, httpPort := e.Private()
		address, misdeeds := httpPort, httpMisdeeds
		if native {
			address, misdeeds = nativePort, nativeMisdeeds
		}
		for _, m := range misdeeds {
			if m.name != name {
				continue
			}
			dying := e.Dying()
			m.do(port{t, address})
			select {
			case <-dying:
			case <-time.After(patience):
				t.Errorf("%s: the engine lives", name)
			}
			return
		}
		t.Errorf("there is no %q", name)
	}
	f(true, "reset idle")
	f(true, "ones")
	f(true, "a wrong password")
	f(true, "an unknown database")
	f(true, "half an addendum")
	f(false, "half a second request")
}

func TestAFloodOfMisdeeds(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	pid, dying := e.Pid(), e.Dying()
	for range 60 {
		reset(t, login(t, e.NativeAddr()))
		reset(t, pinged(t, e.HTTPAddr()))
		answerTo(t, e.NativeAddr(), randomBytes(rand.Uint64()))
		answerTo(t, e.HTTPAddr(), randomBytes(rand.Uint64()))
	}
	eventually(t, "the sessions have ended", func() bool { return e.Sessions() == 0 })
	if ask(t, e, "SELECT 1") != "1" || closed(dying) || e.Pid() != pid {
		t.Error("it ended the engine")
	}
}

func TestSlowHelloEnds(t *testing.T) {
	t.Parallel()
	e, err := engine.StartLimited(t.Context(), options(t.TempDir()), engine.Limits{Hello: 300 * time.Millisecond, Stalled: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	f := func(address string, b []byte) {
		t.Helper()
		c := dial(t, address)
		ended := make(chan struct{})
		go func() { answer(c); close(ended) }()
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Millisecond):
				if i > 60 {
					t.Errorf("%q may take its time", b)
					return
				}
				if i < len(b) {
					_, _ = c.Write(b[i : i+1])
				}
			}
		}
	}
	f(e.NativeAddr(), engine.AppendHello(nil, "leadline", writerPassword))
	f(e.HTTPAddr(), httpHead("GET", "SELECT 1"))
	f(e.NativeAddr(), nil)
	f(e.HTTPAddr(), nil)
}

// A client that stops reading is given up, and its query with it.
func TestStalledReaderEnds(t *testing.T) {
	t.Parallel()
	e, err := engine.StartLimited(t.Context(), options(t.TempDir()), engine.Limits{Hello: patience, Stalled: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	nativeSelect(t, e.NativeAddr())
	httpSelect(t, e.HTTPAddr())
	eventually(t, "the sessions have ended", func() bool { return e.Sessions() == 0 })
	eventually(t, "the queries have ended", func() bool { return ask(t, e, running) == "1" })
	if e.Restarts() != 0 || closed(e.Dying()) {
		t.Error("it ended the engine")
	}
}

func TestTooManyClientsAreTurnedAway(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	var crowd []net.Conn
	for range engine.MaxSessions {
		crowd = append(crowd, dial(t, e.HTTPAddr()))
	}
	eventually(t, "all have been admitted", func() bool { return e.Sessions() == engine.MaxSessions })
	if got := answer(dial(t, e.HTTPAddr())); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if refused(e)["http full"] == 0 {
		t.Errorf("nobody was too many: %v", refused(e))
	}
	for _, c := range crowd {
		c.Close()
	}
	eventually(t, "all have left", func() bool { return e.Sessions() == 0 })
	if got := ask(t, e, "SELECT 1"); got != "1" {
		t.Errorf("got %q", got)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

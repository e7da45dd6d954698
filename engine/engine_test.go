package engine_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leadline/engine"
)

func TestStartAnswersOnBothPorts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "down")
	began := time.Now()
	e := begin(t, options(dir))
	t.Logf("started in %v", time.Since(began))
	login(t, e.NativeAddr())
	// It lowers the limit by itself where the machine has not so much to give.
	if got := ask(t, e, "SELECT currentUser(), timezone(), getServerSetting('max_server_memory_usage') <= 2147483648"); got != "leadline\tEtc/UTC\t1" {
		t.Errorf("got %q", got)
	}
	for _, name := range []string{"config.xml", "users.xml"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), writerPassword) || strings.Contains(string(content), analystPassword) {
			t.Errorf("%s has a password in it", name)
		}
	}
}

func TestASecondStartKeepsDataAndTakesNewPasswords(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	e := begin(t, o)
	ask(t, e, "CREATE DATABASE leadline")
	ask(t, e, "CREATE TABLE leadline.x ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(1000)")
	ask(t, e, "SYSTEM FLUSH LOGS")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}

	o.WriterPassword, o.AnalystPassword = "new writer <&>", "new analyst"
	e = begin(t, o)
	f := func(user, password string, want int) {
		t.Helper()
		if got, answer := query(t, e.HTTPAddr(), user, password, "SELECT count() FROM leadline.x"); got != want {
			t.Errorf("got %d %s, want %d", got, answer, want)
		}
	}
	f("leadline", o.WriterPassword, http.StatusOK)
	f("analyst", o.AnalystPassword, http.StatusOK)
	f("leadline", writerPassword, http.StatusForbidden)
	f("analyst", analystPassword, http.StatusForbidden)

	eventually(t, "the query log of both runs", func() bool {
		_, answer := query(t, e.HTTPAddr(), "leadline", o.WriterPassword, "SYSTEM FLUSH LOGS")
		if answer != "" {
			t.Log(answer)
		}
		_, answer = query(t, e.HTTPAddr(), "leadline", o.WriterPassword,
			"SELECT countIf(query LIKE 'CREATE TABLE leadline.x%') > 0 AND countIf(query LIKE 'SELECT count() FROM leadline.x%') > 0 FROM system.query_log")
		return answer == "1"
	})
}

func TestEverySystemLogHasAnEnd(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	ask(t, e, "SELECT 1")
	ask(t, e, "SYSTEM FLUSH LOGS")
	got := ask(t, e, "SELECT name, engine_full LIKE '%TTL event_date + toIntervalDay(3)%' FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'")
	if got != "query_log\t1" {
		t.Errorf("got %q", got)
	}
}

func TestStartSaysWhatToDo(t *testing.T) {
	t.Parallel()
	f := func(change func(*engine.Options), want ...string) {
		t.Helper()
		o := options(t.TempDir())
		change(&o)
		e, err := engine.Start(t.Context(), o)
		if err == nil {
			e.Close()
			t.Fatal("it started")
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("got %q, want %q in it", err, w)
			}
		}
	}
	f(func(o *engine.Options) { o.Library = "/nowhere/libchdb.so" }, "/nowhere/libchdb.so", "make engine")
	f(func(o *engine.Options) { o.WriterPassword = "" }, "empty password")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f(func(o *engine.Options) { o.Native = taken.Addr().String() }, taken.Addr().String(), "free the port", "clickhouse.embedded.native")
	f(func(o *engine.Options) { o.HTTP = taken.Addr().String() }, taken.Addr().String(), "free the port", "clickhouse.embedded.http")

	used := t.TempDir()
	begin(t, options(used))
	f(func(o *engine.Options) { o.Dir = used }, "another Leadline uses "+used, "stop it")

	broken := filepath.Join(t.TempDir(), "libchdb.so")
	if err := os.WriteFile(broken, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(func(o *engine.Options) { o.Library = broken }, "exit status 1", "load libchdb", broken)
}

// Between the choice of a port and the child's listening on it another process may take it.
func TestTakenPrivatePort(t *testing.T) {
	t.Parallel()
	f := func(which int) {
		t.Helper()
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ports := [2]int{free.Addr().(*net.TCPAddr).Port, free.Addr().(*net.TCPAddr).Port}
		free.Close()
		ports[which] = taken.Addr().(*net.TCPAddr).Port
		log := &record{}
		o := options(t.TempDir())
		o.Log = log.logger()
		e, err := engine.StartOn(t.Context(), o, ports)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		if got := ask(t, e, "SELECT 1"); got != "1" {
			t.Errorf("it answers %q", got)
		}
		if !strings.Contains(log.String(), "took a port") {
			t.Errorf("the log says nothing of it:\n%s", log)
		}
	}
	f(0)
	f(1)
}

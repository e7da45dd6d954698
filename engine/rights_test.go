package engine_test

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

func TestAnalystReadsAndNoMore(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	ask(t, e, "CREATE DATABASE leadline")
	ask(t, e, "CREATE TABLE leadline.x ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(1000)")
	ask(t, e, "SYSTEM FLUSH LOGS")
	ask(t, e, "CREATE DATABASE private")
	ask(t, e, "CREATE TABLE private.x ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(1000)")

	may := func(sql, want string) {
		t.Helper()
		if status, got := query(t, e.HTTPAddr(), "analyst", analystPassword, sql); status != http.StatusOK || want != "" && got != want {
			t.Errorf("%s: got %d %s, want %s", sql, status, got, want)
		}
	}
	may("SELECT currentUser(), count() FROM leadline.x", "analyst\t1000")
	may("SELECT quantile(0.5)(n) FROM leadline.x SETTINGS max_execution_time = 5, max_threads = 1", "499.5")
	may("SHOW DATABASES", "INFORMATION_SCHEMA\ninformation_schema\nleadline\nsystem")
	may("SHOW TABLES FROM leadline", "x")
	may("DESCRIBE leadline.x", "n\tUInt64")
	may("SELECT name FROM system.columns WHERE database = 'leadline' AND table = 'x'", "n")
	may("SELECT count() > 0 FROM system.functions", "1")
	may("SELECT count() > 0 FROM system.settings", "1")
	may("SELECT count() >= 0 FROM system.query_log", "1")
	may("SELECT table_name FROM information_schema.tables WHERE table_schema = 'leadline'", "x")
	may("SHOW PROCESSLIST", "")

	mayNot := func(sql, want string) {
		t.Helper()
		if status, got := query(t, e.HTTPAddr(), "analyst", analystPassword, sql); status == http.StatusOK || !strings.Contains(got, want) {
			t.Errorf("%s: got %d %s, want %s", sql, status, got, want)
		}
	}
	mayNot("INSERT INTO leadline.x VALUES (1)", "ACCESS_DENIED")
	mayNot("CREATE TABLE leadline.y (n Int64) ENGINE = Memory", "ACCESS_DENIED")
	mayNot("CREATE TEMPORARY TABLE y (n Int64)", "ACCESS_DENIED")
	mayNot("DROP TABLE leadline.x", "ACCESS_DENIED")
	mayNot("ALTER TABLE leadline.x DELETE WHERE 1", "ACCESS_DENIED")
	mayNot("TRUNCATE TABLE leadline.x", "ACCESS_DENIED")
	mayNot("SELECT * FROM private.x", "ACCESS_DENIED")
	mayNot("SELECT * FROM file('/etc/passwd', LineAsString)", "ACCESS_DENIED")
	mayNot("SELECT * FROM url('http://127.0.0.1:1/', LineAsString)", "ACCESS_DENIED")
	mayNot("SELECT * FROM remote('127.0.0.1', 'leadline.x')", "ACCESS_DENIED")
	mayNot("SELECT * FROM merge('private', '.*')", "")
	mayNot("SELECT * FROM executable('id', TSV, 'a String')", "ACCESS_DENIED")
	mayNot("SELECT * FROM system.users", "ACCESS_DENIED")
	mayNot("SYSTEM SHUTDOWN", "")
	mayNot("SYSTEM STOP LISTEN TCP", "ACCESS_DENIED")
	mayNot("SET readonly = 0", "READONLY")
	mayNot("SELECT 1 SETTINGS readonly = 0", "READONLY")
	may("SELECT getSetting('max_memory_usage_for_user')", "1073741824")
	mayNot("SELECT 1 SETTINGS max_memory_usage_for_user = 0", "SETTING_CONSTRAINT_VIOLATION")
	mayNot("SELECT 1 SETTINGS max_execution_time = 0", "SETTING_CONSTRAINT_VIOLATION")
	mayNot("SELECT 1 SETTINGS max_execution_time = 100000", "SETTING_CONSTRAINT_VIOLATION")
	if got := ask(t, e, "SELECT count(), min(n) FROM leadline.x"); got != "1000\t0" {
		t.Errorf("got %q", got)
	}
}

func TestWriterMayDoEverything(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	ask(t, e, "CREATE DATABASE d")
	ask(t, e, "CREATE TABLE d.x (n Int64) ENGINE = MergeTree ORDER BY n")
	ask(t, e, "CREATE MATERIALIZED VIEW d.v (n Int64) ENGINE = MergeTree ORDER BY n AS SELECT n FROM d.x")
	ask(t, e, "INSERT INTO d.x SELECT number FROM numbers(10)")
	ask(t, e, "ALTER TABLE d.x DELETE WHERE n > 5 SETTINGS mutations_sync = 1")
	if got := ask(t, e, "SELECT (SELECT count() FROM d.x), (SELECT count() FROM d.v)"); got != "6\t10" {
		t.Errorf("got %q", got)
	}
	ask(t, e, "DROP DATABASE d SYNC")
}

func TestNobodyComesInWithoutAPassword(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	f := func(user, password string, want int) {
		t.Helper()
		if got, answer := query(t, e.HTTPAddr(), user, password, "SELECT 1"); got != want {
			t.Errorf("%s: got %d %s, want %d", user, got, answer, want)
		}
	}
	f("default", "", http.StatusUnauthorized)
	f("", "", http.StatusUnauthorized)
	f("analyst", "", http.StatusForbidden)
	f("leadline", "", http.StatusForbidden)
	f("somebody", "something", http.StatusUnauthorized)

	// Even behind the guard user default reads nothing and writes nothing.
	ask(t, e, "CREATE DATABASE leadline")
	ask(t, e, "CREATE TABLE leadline.x (n Int64) ENGINE = MergeTree ORDER BY n")
	_, private := e.Private()
	for _, sql := range []string{
		"SELECT * FROM leadline.x",
		"INSERT INTO leadline.x VALUES (1)",
		"CREATE TABLE leadline.y (n Int64) ENGINE = Memory",
		"SELECT * FROM file('/etc/passwd', LineAsString)",
		"SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
		"SELECT * FROM executable('id', TSV, 'a String')",
		"SELECT * FROM system.query_log",
	} {
		if status, answer := query(t, private, "default", "", sql); status == http.StatusOK {
			t.Errorf("default: %s: got %d %s", sql, status, answer)
		}
	}
}

func TestDebiansClient(t *testing.T) {
	t.Parallel()
	client, err := exec.LookPath("clickhouse-client")
	if err != nil {
		t.Log("no clickhouse-client here: the native protocol is tested by the other tests only")
		return
	}
	e := begin(t, options(t.TempDir()))
	ask(t, e, "CREATE DATABASE leadline")
	ask(t, e, "CREATE TABLE leadline.x (n Int64) ENGINE = MergeTree ORDER BY n")
	host, port, _ := strings.Cut(e.NativeAddr(), ":")
	f := func(user, password, database, sql, want string) {
		t.Helper()
		args := []string{"--host", host, "--port", port, "--user", user, "--password", password, "--database", database, "--query", sql}
		out, _ := exec.CommandContext(t.Context(), client, args...).CombinedOutput()
		if got := strings.TrimSpace(string(out)); got != want && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
	f("leadline", writerPassword, "leadline", "INSERT INTO x SELECT number FROM numbers(7)", "")
	f("analyst", analystPassword, "leadline", "SELECT count() FROM x", "7")
	f("analyst", analystPassword, "leadline", "INSERT INTO x VALUES (1)", "Not enough privileges")
	f("analyst", "wrong", "leadline", "SELECT 1", "Authentication failed")
	f("default", "", "leadline", "SELECT 1", "Authentication failed")
	f("analyst", analystPassword, "nowhere", "SELECT 1", "Database nowhere does not exist")
	if e.Restarts() != 0 {
		t.Errorf("%d restarts", e.Restarts())
	}
}

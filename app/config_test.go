package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline/source"
)

func TestReadConfigOverDefaults(t *testing.T) {
	t.Parallel()
	c, err := ReadConfig("../examples/leadline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.ClickHouse.Embedded.MaxMemory != 2<<30 || c.Pipeline.GeoIP.Timeout.Value != 2*time.Second || c.ClickHouse.Database != "leadline" {
		t.Errorf("read %+v", c)
	}
	want := []string{filepath.Join("..", "examples", "rules")}
	if diff := cmp.Diff(want, []string{c.Rules[0].Value}); diff != "" {
		t.Errorf("paths are from the file's folder (-want +got):\n%s", diff)
	}
	if c.Data != filepath.Join("..", "data", "example") {
		t.Errorf("data %q", c.Data)
	}
}

func TestReadConfigMistakes(t *testing.T) {
	t.Parallel()
	f := func(text string, want ...string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "leadline.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadConfig(path)
		var errs source.Errors
		if !errors.As(err, &errs) {
			t.Fatalf("%q: %v", text, err)
		}
		var got []string
		for _, e := range errs {
			got = append(got, strings.TrimPrefix(e.Error(), path+":"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("listn: 1\ndata: [x]\n",
		`1:1: unknown field "listn": did you mean listen?`,
		`2:7: got a list: want a text`)
	f("clickhouse: {embedded: {max_memory: 2GB}}\n", `1:37: "2GB" is not a size: write it like 512MiB or 2GiB`)
	f("pipeline: {geoip: {url: 'http://x', mmdb: y}}\n", `1:25: geoip has both url and mmdb: keep one of them`)
	f("heartbeat: {url: 'ping', every: 1s}\n",
		`1:18: heartbeat.url is no URL: write it like https://example.com/ping/abc`,
		`1:33: heartbeat.every is not between 10s and 24h: use 1m`)
	f("heartbeat: {url: 'https://x.y', url_file: z}\n", `1:18: heartbeat has both url and url_file: keep one of them`)
	f("telegram: {token_file: t}\n", `1:24: a token, but no chats: add telegram.chats with at least ops: <chat id>`)
	f("bots: {b: {partner: acme}}\n", `1:11: "secret_file" is missing: add it`)
	f("listen: x\n---\nlisten: y\n", `3:1: a second document: leadline.yaml is one document`)
}

func TestReadConfigNamesAMissingFile(t *testing.T) {
	t.Parallel()
	_, err := ReadConfig(filepath.Join(t.TempDir(), "none.yaml"))
	if err == nil || !strings.Contains(err.Error(), "leave --config out") {
		t.Errorf("error %v", err)
	}
}

func TestPartnersHavePeppersOfTheirOwn(t *testing.T) {
	t.Parallel()
	of := func(master, partner string) string { return string(pepper([]byte(master))(partner)) }
	first := of("master", "acme")
	if first != of("master", "acme") || first == of("master", "globex") || first == of("other", "acme") {
		t.Error("a pepper belongs to one partner of one installation, for ever")
	}
}

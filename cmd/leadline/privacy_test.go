//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPrivacy sends secrets and personal data through every door, in good and in bad requests, and then looks for each
// of them in all that Leadline has written: its logs, every column of every table, ClickHouse's query log, every file
// of the data folder. Of addresses it looks for the text: a segment of the spool holds them in binary until GeoIP has
// asked for the country and its file is used again.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	s := &secrets{t: t}
	h := s.settle()
	h.start(t)
	s.right = h.apiKey
	s.hide("the right API key", secretOf(h.apiKey))
	s.send(h)
	s.settled(h, "last-1")
	h.kill(t, h.cmd.Process.Pid, h.enginePid(t)) // recovery logs, too
	h.start(t)
	s.send(h) // duplicates
	s.settled(h, "last-2")
	s.search(h)
}

// secrets are texts that must be found nowhere, each by what it is.
type secrets struct {
	t     *testing.T
	right string // API key
	names []string
	texts []string
}

func (s *secrets) hide(name, text string) string {
	if i := slices.Index(s.names, name); i >= 0 {
		return s.texts[i]
	}
	s.names, s.texts = append(s.names, name), append(s.texts, text)
	return text
}

// secretOf is the part of an API key that is not its id, which logs and lists may show.
func secretOf(key string) string { return key[len("ll_live_12345678_"):] }

// settle makes a house with everything that can hold a secret: bots, a Telegram API that is not there, a third party
// that looks countries up and breaks off now and then.
func (s *secrets) settle() *house {
	t := s.t
	t.Helper()
	vault := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(vault, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	n := 0
	geo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n%2 == 0 {
			panic(http.ErrAbortHandler)
		}
		http.Error(w, "no such address: "+r.URL.RawQuery, http.StatusInternalServerError)
	}))
	t.Cleanup(geo.Close)
	h := settle(t,
		fmt.Sprintf("bots: {privacy_bot: {partner: acme, secret_file: %q}}", write("bot", s.hide("the webhook's secret", "whsec_9f3kQz71Lw"))),
		fmt.Sprintf("telegram: {token_file: %q, api: %q, chats: {ops: -100777}}",
			write("token", "123456789:"+s.hide("the bot's token", "AAH7vQp0tzX_privacy_token_8841ab")), "http://"+freeAddr(t)))
	yaml := text(t, h.config)
	yaml = strings.Replace(yaml, "pipeline: {", fmt.Sprintf("pipeline: {geoip: {url: %q}, ", geo.URL+"/look"), 1)
	folder := filepath.Join(h.dir, "schemas")
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(root, "examples", "schemas"))); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, "lead.contacted"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "lead.contacted", "1.json"), []byte(contacted), 0o600); err != nil {
		t.Fatal(err)
	}
	yaml = strings.Replace(yaml, filepath.Join(root, "examples", "schemas"), folder, 1)
	if err := os.WriteFile(h.config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return h
}

// settled waits until everything is stored: the rejected item that came last is.
func (s *secrets) settled(h *house, id string) {
	s.t.Helper()
	s.post(h, 422, "/v1/events", fmt.Sprintf(`{"id":%q,"type":"lead.started","payload":{"premium":"no"}}`, id))
	eventually(s.t, "everything is stored", func() bool {
		_, answer, err := h.ask(s.t.Context(), "analyst", h.analyst, "SELECT count() FROM rejected WHERE id = '"+id+"'")
		return err == nil && answer == "1"
	})
}

// search looks for every secret in all that was written.
func (s *secrets) search(h *house) {
	t := s.t
	t.Helper()
	found := map[string][]string{}
	look := func(where string, content []byte) {
		for i, text := range s.texts {
			if bytes.Contains(content, []byte(text)) {
				found[s.names[i]] = append(found[s.names[i]], where)
			}
		}
	}
	tables := strings.Fields(h.sql(t, "SELECT name FROM system.tables WHERE database = 'leadline'"))
	if !slices.Contains(tables, "events") || !slices.Contains(tables, "rejected") {
		t.Errorf("tables: %q", tables)
	}
	for _, table := range tables {
		for line := range strings.Lines(h.sql(t, "SELECT * FROM "+table+" FORMAT TSVWithNamesAndTypes")) {
			look("table "+table, []byte(line))
		}
	}
	eventually(t, "the engine has flushed its query log", func() bool {
		status, answer, err := h.ask(t.Context(), "analyst", h.analyst, "SELECT * FROM system.query_log WHERE user = 'leadline' FORMAT TSV")
		look("query_log", []byte(answer))
		return err == nil && status == http.StatusOK && strings.Contains(answer, "INSERT INTO")
	})
	if got := h.sql(t, "SELECT uniqExact(code) > 4 FROM rejected"); got != "1" {
		t.Errorf("the bad inputs were not rejected for many reasons: %s", h.sql(t, "SELECT code, count() FROM rejected GROUP BY code"))
	}
	if code, _ := h.stop(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, h.log(t))
	}
	files := 0
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		files++
		if filepath.Base(path) == "1.stdout" { // the welcome shows the key on purpose
			content = bytes.TrimPrefix(content, []byte(h.welcomed))
		}
		where, _ := filepath.Rel(h.dir, path)
		look(where, content)
		return err
	})
	if err != nil || files < 20 {
		t.Errorf("%d files searched: %v", files, err)
	}
	t.Logf("%d secrets, %d tables, %d files", len(s.texts), len(tables), files)
	for _, name := range s.names {
		if where := slices.Compact(found[name]); len(where) > 0 {
			t.Errorf("%s is in %q", name, where)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// setup of a Leadline that the bench configures: everything on.
type setup struct {
	file       string // leadline.yaml
	addr, http string // of Leadline, of its embedded ClickHouse
}

// configure writes a leadline.yaml that keeps all data in dir. Without a block of its own, ClickHouse is embedded.
func configure(dir, clickhouse string) (s setup, err error) {
	s = setup{file: filepath.Join(dir, "leadline.yaml"), addr: freeAddr(), http: freeAddr()}
	wd, err := os.Getwd()
	if err != nil {
		return s, fmt.Errorf("configure leadline: %w", err)
	}
	if clickhouse == "" {
		clickhouse = fmt.Sprintf(`{embedded: {native: %q, http: %q, max_memory: 4GiB}}`, freeAddr(), s.http)
	}
	text := fmt.Sprintf("listen: %s\ndata: %s\nclickhouse: %s\nschemas: %s\npipeline: {qualify: %s}\n",
		s.addr, filepath.Join(dir, "data"), clickhouse, filepath.Join(wd, "examples", "schemas"), filepath.Join(wd, "examples", "qualify.yaml"))
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		return s, fmt.Errorf("configure leadline: %w", err)
	}
	return s, nil
}

// welcome is what Leadline says at its first start.
type welcome struct{ key, analyst string }

// serve starts Leadline and reads its welcome. There is no analyst where ClickHouse is not embedded.
func (s *setup) serve(ctx context.Context, binary string, embedded bool) (p *process, w welcome, err error) {
	if p, err = start(ctx, binary, "serve", "--config", s.file); err != nil {
		return nil, w, err
	}
	for w.key == "" || embedded && w.analyst == "" {
		line, err := p.line()
		if err != nil {
			p.stop()
			return nil, w, err
		}
		if key := findKey(line); key != "" {
			w.key = key
		}
		if _, after, ok := strings.Cut(line, "analyst password"); ok {
			w.analyst = strings.TrimSpace(after)
		}
	}
	p.ignore()
	return p, w, nil
}

// createKey makes an API key for a partner; the running Leadline knows it within a second.
func (s *setup) createKey(ctx context.Context, binary, partner string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, "keys", "create", partner, "--config", s.file).Output()
	if err != nil {
		return "", fmt.Errorf("create a key: %w", err)
	}
	key := findKey(string(out))
	if key == "" {
		return "", fmt.Errorf("create a key: none in %q", out)
	}
	return key, nil
}

// findKey finds an API key among words.
func findKey(text string) string {
	for word := range strings.FieldsSeq(text) {
		if strings.HasPrefix(word, "ll_live_") {
			return word
		}
	}
	return ""
}

func startLeadline(ctx context.Context, o *options, dir string, events int) (*subject, error) {
	s, _, err := startEmbedded(ctx, o, dir, events)
	return s, err
}

// embeddedLeadline is what scenarios need beside the subject.
type embeddedLeadline struct {
	setup
	db database
}

func startEmbedded(ctx context.Context, o *options, dir string, events int) (*subject, *embeddedLeadline, error) {
	at, err := configure(dir, "")
	if err != nil {
		return nil, nil, err
	}
	p, w, err := at.serve(ctx, o.binary, true)
	if err != nil {
		return nil, nil, err
	}
	l := &embeddedLeadline{at, database{addr: at.http, user: "analyst", password: w.analyst}}
	s := &subject{addr: at.addr, shape: leadlineShape(w.key, events), server: p.cmd.Process.Pid, stored: l.db.counter("leadline.events"), stop: p.stop, log: p.log}
	if s.clickhouse, err = childOf(s.server); err != nil {
		p.stop()
		return nil, nil, err
	}
	return s, l, nil
}

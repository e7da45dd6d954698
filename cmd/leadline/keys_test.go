package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKeysVerb: making, rotating, listing and ending keys, without a running Leadline.
func TestKeysVerb(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "leadline.yaml")
	if err := os.WriteFile(config, []byte("data: data\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(wantCode int, wantOut, wantErr string, args ...string) (out string) {
		t.Helper()
		out, errs, code := leadlineSays(t, append(args, "--config", config)...)
		if code != wantCode || !strings.Contains(out, wantOut) || !strings.Contains(errs, wantErr) {
			t.Errorf("leadline %q: exit code %d, said %q %q", args, code, out, errs)
		}
		return strings.TrimSpace(out)
	}
	f(1, "", "make one with leadline keys create acme", "keys", "rotate", "acme")
	first := f(0, "ll_live_", "scope events:write events:read.", "keys", "create", "acme", "--scope", "events:write", "--scope", "events:read", "--note", "their bot")
	second := f(0, "ll_live_", "Key "+first[8:16]+" ends at ", "keys", "rotate", "acme", "--grace", "72h")
	list := f(0, "", "", "keys", "list")
	if rows := strings.Split(list, "\n"); len(rows) != 3 || strings.Count(list, "events:write events:read") != 2 || strings.Count(list, "their bot") != 2 || strings.Contains(list, first) {
		t.Errorf("the new key has the old one's scopes and note:\n%s", list)
	}
	f(1, "", `partner "acme" has 2 living keys already (`+first[8:16]+", which ends ", "keys", "create", "acme")
	f(1, "", "wait until one ends, or end one with leadline keys revoke ID", "keys", "rotate", "acme")
	f(0, "", "", "keys", "revoke", first[8:16])
	f(1, "", "no living key has the id", "keys", "revoke", first[8:16])
	f(0, "ll_live_", "Key "+second[8:16]+" ends at ", "keys", "rotate", "acme", "--grace", "0s")
	f(0, "ll_live_", "Shown once. Partner acme, id ", "keys", "create", "acme")
	f(0, "ll_live_", "Partner globex", "keys", "create", "globex")
	f(2, "", "events:write, events:read, leads:erase", "keys", "create", "acme", "--scope", "admin")
	f(2, "", "--grace -1s", "keys", "rotate", "acme", "--grace", "-1s")
	f(2, "", "keys rotate PARTNER", "keys", "rotate")
}

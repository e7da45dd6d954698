package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline/limit"
)

func read(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "leadline.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadConfig(path)
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	c, err := read(t, `
limits: {rate: 120/m, in_flight: 64}
partners:
  acme: {rate: 2000/s, burst: 10000, bytes: 4MiB/s, in_flight: 8, daily: 20M, weight: 3, priority: bulk}
  globex: {daily: 500k}
spool: {max: 1GiB, window: 12h}
`)
	if err != nil {
		t.Fatal(err)
	}
	def, partners := c.Policies()
	if diff := cmp.Diff(limit.Policy{Rate: 2, Burst: 10, InFlight: 64, Weight: 1}, def); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := map[string]limit.Policy{
		"acme":   {Rate: 2000, Burst: 10_000, Bytes: 4 << 20, InFlight: 8, Daily: 20e6, Weight: 3, Bulk: true},
		"globex": {Rate: 2, Burst: 10, InFlight: 64, Daily: 500e3, Weight: 1},
	}
	if diff := cmp.Diff(want, partners); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c.Spool.Max != 1<<30 || c.Spool.Window.Value != 12*time.Hour {
		t.Errorf("%+v", c.Spool)
	}
	if d := Default(); d.Spool.Max != 4<<30 || d.Spool.Window.Value != 48*time.Hour {
		t.Errorf("defaults %+v", d.Spool)
	}
}

func TestPartnerMistakes(t *testing.T) {
	t.Parallel()
	f := func(text string, want ...string) {
		t.Helper()
		_, err := read(t, text)
		var got []string
		for _, e := range mistakes(err) {
			got = append(got, strings.TrimPrefix(e.Error(), e.File+":"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	f("partners: {acme: {rate: 2000}}", `1:25: "2000" is not a rate: write it like 2000/s or 120/m`)
	f("partners: {acme: {rate: NaN/s}}", `1:25: "NaN/s" is not a rate: write it like 2000/s or 120/m`)
	f("partners: {acme: {rate: 0/s}}", `1:25: "0/s" is not a rate: write it like 2000/s or 120/m`)
	f("partners: {acme: {bytes: 4MB/s}}", `1:26: "4MB/s" is not a rate of bytes: write it like 512KiB/s or 4MiB/s`)
	f("partners: {acme: {daily: -1}}", `1:26: "-1" is not a count: write it like 50000, 500k or 20M`)
	f("partners: {acme: {burst: 10}}", "1:26: a burst without a rate: add rate, such as 2000/s")
	f("limits: {burst: 10}", "1:17: a burst without a rate: add rate, such as 2000/s")
	f("partners: {acme: {rate: 1/s, burst: 0, weight: 101}}", "1:37: burst 0: want 1 to 1000000000", "1:48: weight 101: want 1 to 100")
	f("partners: {acme: {priority: low}}", `1:29: unknown priority "low": use normal or bulk`)
	f("partners: {acme: {rat: 1/s}}", `1:19: unknown field "rat": did you mean rate?`)
	f("partners: {acme: {sign: yes}}", `1:25: unknown sign "yes": use optional or required`)
	f("partners: {acme: {sign: required}}", "1:25: signatures, but no secrets: add secrets_file with a whsec_… or whpk_… a line")
	f("partners: {acme: {secrets_file: x}}", "1:33: secrets, but signatures are neither asked for nor checked: add sign: optional or sign: required")
	f("hooks: {crm: {partner: acme}}", `1:14: "verify" is missing: add it`, `1:14: "secret_file" is missing: add it`, `1:14: "map" is missing: add it`)
	hook := func(name, verify, fields string) string {
		return "hooks: {" + name + ": {partner: acme, verify: {" + verify + "}, secret_file: s, map: {" + fields + "}}}"
	}
	f(hook("crm", "kind: paypal", "type: str('x')"), `1:45: unknown kind "paypal": use standard, stripe, github or hmac`)
	f(hook("crm", "kind: hmac", "type: str('x')"), "1:45: hmac needs the header that carries the signature")
	f(hook("crm", "kind: hmac, header: X, hash: md5", "type: str('x')"), `1:45: unknown hash "md5": use sha256, sha512 or sha1`)
	f(hook("crm", "kind: stripe, header: X", "type: str('x')"), "1:61: this is for kind: hmac: remove it: stripe says it itself")
	f(hook("crm", "kind: github", "id: str('x')"), `1:75: "type" is missing: add it`)
	f(hook("a/b", "kind: github", "type: str('x')"), `1:9: "a/b" cannot stand in an address: use up to 64 letters, digits, - and _`)
	f("spool: {window: 1m}", "1:17: window 1m: want 1h to 14d")
}

func TestSecretsOfSigners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "secrets")
	f := func(content, want string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := read(t, "partners: {acme: {sign: required, secrets_file: "+file+"}}\nhooks: {crm: {partner: globex, verify: {kind: github}, secret_file: "+file+", map: {type: str('x')}}}\n")
		if err != nil {
			t.Fatal(err)
		}
		signers, err := readSigners(c)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", content, err, want)
		case err != nil && strings.Contains(err.Error(), "notasecret"):
			t.Errorf("a secret in an error: %v", err)
		}
		if want != "" {
			return
		}
		hooks, err := readHooks(c)
		if err != nil || hooks["crm"].Partner != "globex" || hooks["crm"].Verifier == nil || hooks["crm"].Mapping == nil || !signers["acme"].Required {
			t.Errorf("%v %+v %+v", err, hooks, signers)
		}
	}
	f("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\r\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx\n", "")
	f("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nnotasecret\n", "secret 2: want whsec_")
	f("\n", "no secret")
}

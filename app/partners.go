package app

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"leadline/ingest"
	"leadline/limit"
	"leadline/signature"
	"leadline/source"
)

// Limits are what a partner may send; what is not written limits nothing.
type Limits struct {
	Rate     source.At[Rate]     `yaml:"rate"`      // events, such as 2000/s
	Burst    source.At[int]      `yaml:"burst"`     // events at once; five seconds of the rate where not written
	Bytes    source.At[ByteRate] `yaml:"bytes"`     // decompressed, such as 4MiB/s
	InFlight source.At[int]      `yaml:"in_flight"` // requests at once
	Daily    source.At[Count]    `yaml:"daily"`     // events from midnight to midnight UTC, such as 20M
	Weight   source.At[int]      `yaml:"weight"`    // share beside the others' while ClickHouse is behind, 1 where not written
	Priority At                  `yaml:"priority"`  // normal, or bulk: first to be refused when the spool fills
}

// Partner is what is known of a partner beside its keys.
type Partner struct {
	Limits
	Sign        At `yaml:"sign"`         // optional or required; a signature that is there is checked either way
	SecretsFile At `yaml:"secrets_file"` // one a line, whsec_… or whpk_…
}

// Hook is a third party's webhook, which arrives at /v1/hooks/{name}.
type Hook struct {
	Partner    At              `yaml:"partner,required"`
	Verify     Verify          `yaml:"verify,required"`
	SecretFile At              `yaml:"secret_file,required"` // one a line
	Map        ingest.HookSpec `yaml:"map,required"`         // event field: expression over the body
}

// Verify says how the third party signs.
type Verify struct {
	Kind     At `yaml:"kind,required"` // standard, stripe, github or hmac
	Header   At `yaml:"header"`        // these three for hmac only
	Hash     At `yaml:"hash"`
	Encoding At `yaml:"encoding"`
}

// Spool bounds what waits for ClickHouse on this machine.
type Spool struct {
	Max    Size            `yaml:"max"`    // bytes on disk; above it requests are refused
	Window source.Duration `yaml:"window"` // how long an event's id is remembered
}

// Rate is events a second.
type Rate float64

// UnmarshalText reads a number with one of the units /s, /m, /h.
func (r *Rate) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	per, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if !known || err != nil || !(n/per >= 1e-3 && n/per <= 1e7) {
		return fmt.Errorf("%.40q is not a rate: write it like 2000/s or 120/m", text)
	}
	*r = Rate(n / per)
	return nil
}

// ByteRate is bytes a second.
type ByteRate float64

// UnmarshalText reads a size a second.
func (r *ByteRate) UnmarshalText(text []byte) error {
	size, ok := strings.CutSuffix(string(text), "/s")
	var n Size
	if err := n.UnmarshalText([]byte(size)); !ok || err != nil {
		return fmt.Errorf("%.40q is not a rate of bytes: write it like 512KiB/s or 4MiB/s", text)
	}
	*r = ByteRate(n)
	return nil
}

// Count is a number that may end in k or M.
type Count int64

// UnmarshalText reads a whole number, thousands or millions.
func (c *Count) UnmarshalText(text []byte) error {
	digits, factor := string(text), int64(1)
	for unit, f := range map[string]int64{"k": 1e3, "M": 1e6} {
		if d, ok := strings.CutSuffix(digits, unit); ok {
			digits, factor = d, f
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > 1e15/factor {
		return fmt.Errorf("%.40q is not a count: write it like 50000, 500k or 20M", text)
	}
	*c = Count(n * factor)
	return nil
}

// check finds what contradicts itself.
func (l *Limits) check() (errs source.Errors) {
	for _, n := range []struct {
		at   source.At[int]
		name string
		most int
	}{{l.Burst, "burst", 1e9}, {l.InFlight, "in_flight", 1e6}, {l.Weight, "weight", 100}} {
		if !n.at.Pos.IsZero() && (n.at.Value < 1 || n.at.Value > n.most) {
			errs = append(errs, n.at.Pos.Error(fmt.Sprintf("%s %d", n.name, n.at.Value), fmt.Sprintf("want 1 to %d", n.most)))
		}
	}
	if p := l.Priority; !p.Pos.IsZero() && p.Value != "normal" && p.Value != "bulk" {
		errs = append(errs, p.Pos.Error(fmt.Sprintf("unknown priority %q", p.Value), "use normal or bulk"))
	}
	return errs
}

// over is l where it says something, else base.
func (l Limits) over(base Limits) Limits {
	l.Rate, l.Burst, l.Bytes = written(l.Rate, base.Rate), written(l.Burst, base.Burst), written(l.Bytes, base.Bytes)
	l.InFlight, l.Daily = written(l.InFlight, base.InFlight), written(l.Daily, base.Daily)
	l.Weight, l.Priority = written(l.Weight, base.Weight), written(l.Priority, base.Priority)
	return l
}

func written[T any](own, base source.At[T]) source.At[T] {
	if own.Pos.IsZero() {
		return base
	}
	return own
}

func (l Limits) policy() limit.Policy {
	p := limit.Policy{
		Rate: float64(l.Rate.Value), Burst: l.Burst.Value, Bytes: float64(l.Bytes.Value), InFlight: l.InFlight.Value,
		Daily: int64(l.Daily.Value), Weight: max(1, l.Weight.Value), Bulk: l.Priority.Value == "bulk",
	}
	if p.Burst == 0 {
		p.Burst = int(math.Ceil(5 * p.Rate))
	}
	return p
}

// Policies are the limits of whoever partners does not name, and of those it names.
func (c *Config) Policies() (def limit.Policy, partners map[string]limit.Policy) {
	partners = map[string]limit.Policy{}
	for _, p := range c.Partners {
		partners[p.Name.Value] = p.Value.over(c.Limits).policy()
	}
	return c.Limits.policy(), partners
}

// checkPartners finds what the decoder cannot.
func (c *Config) checkPartners() (errs source.Errors) {
	errs = append(errs, c.Limits.check()...)
	if c.Limits.Rate.Pos.IsZero() && !c.Limits.Burst.Pos.IsZero() {
		errs = append(errs, c.Limits.Burst.Pos.Error("a burst without a rate", "add rate, such as 2000/s"))
	}
	for _, p := range c.Partners {
		errs = append(errs, p.Value.check()...)
		if all := p.Value.over(c.Limits); all.Rate.Pos.IsZero() && !p.Value.Burst.Pos.IsZero() {
			errs = append(errs, p.Value.Burst.Pos.Error("a burst without a rate", "add rate, such as 2000/s"))
		}
		sign, file := p.Value.Sign, p.Value.SecretsFile
		switch {
		case !sign.Pos.IsZero() && sign.Value != "optional" && sign.Value != "required":
			errs = append(errs, sign.Pos.Error(fmt.Sprintf("unknown sign %q", sign.Value), "use optional or required"))
		case !sign.Pos.IsZero() && file.Value == "":
			errs = append(errs, sign.Pos.Error("signatures, but no secrets", "add secrets_file with a whsec_… or whpk_… a line"))
		case sign.Pos.IsZero() && file.Value != "":
			errs = append(errs, file.Pos.Error("secrets, but signatures are neither asked for nor checked", "add sign: optional or sign: required"))
		}
	}
	for _, h := range c.Hooks {
		errs = append(errs, checkHook(h)...)
	}
	if w := c.Spool.Window; !w.Pos.IsZero() && (w.Value < time.Hour || w.Value > 14*24*time.Hour) {
		errs = append(errs, w.Pos.Error("window "+source.FormatDuration(w.Value), "want 1h to 14d"))
	}
	return errs
}

func checkHook(h source.Entry[Hook]) (errs source.Errors) {
	if strings.Trim(h.Name.Value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(h.Name.Value) > 64 {
		errs = append(errs, h.Name.Pos.Error(fmt.Sprintf("%.80q cannot stand in an address", h.Name.Value), "use up to 64 letters, digits, - and _"))
	}
	v := h.Value.Verify
	if v.Kind.Pos.IsZero() {
		return errs // the decoder has said so
	}
	if v.Kind.Value != signature.HMAC {
		for _, only := range []At{v.Header, v.Hash, v.Encoding} {
			if !only.Pos.IsZero() {
				errs = append(errs, only.Pos.Error("this is for kind: hmac", "remove it: "+v.Kind.Value+" says it itself"))
			}
		}
	}
	if _, err := signature.New(v.scheme(), []string{anySecret(v.Kind.Value)}); err != nil {
		errs = append(errs, v.Kind.Pos.Error(err.Error(), ""))
	}
	if h.Value.Map.Type.IsZero() {
		return errs // the decoder has said so
	}
	_, more := h.Value.Map.Compile(h.Name.Value)
	return append(errs, more...)
}

func (v *Verify) scheme() signature.Scheme {
	return signature.Scheme{Kind: v.Kind.Value, Header: v.Header.Value, Hash: v.Hash.Value, Encoding: v.Encoding.Value}
}

// anySecret is well-formed, so that a scheme can be checked where its secrets are not.
func anySecret(kind string) string {
	if kind == signature.Standard {
		return "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	}
	return "00000000"
}

// readVerifier reads a file of secrets, one a line.
func readVerifier(s signature.Scheme, file At) (*signature.Verifier, error) {
	data, err := os.ReadFile(file.Value)
	if err != nil {
		return nil, source.Errors{file.Pos.Error("secrets file: "+err.Error(), "create it with one secret a line")}
	}
	v, err := signature.New(s, strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' || r == '\r' }))
	if err != nil {
		return nil, source.Errors{file.Pos.Error("secrets file: "+err.Error(), "write one secret a line into it")}
	}
	return v, nil
}

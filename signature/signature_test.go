package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The example of the Standard Webhooks specification and of its Go library.
const (
	exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime   = "1614265330"
	exampleBody   = `{"test": 2432232314}`
	exampleSum    = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	exampleSeed   = "VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=" // of the library's test of asymmetric signing
	exampleV1a    = "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag=="
)

var exampleNow = time.Unix(1614265330, 0)

func examplePublic() string {
	seed, err := base64.StdEncoding.DecodeString(exampleSeed)
	if err != nil {
		panic(err)
	}
	return "whpk_" + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

func headers(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if strings.EqualFold(pairs[i], name) {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestStandardWebhooks(t *testing.T) {
	t.Parallel()
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte("another secret of 32 bytes or so"))
	f := func(want error, secrets []string, id, at, sum, body string, now time.Time) {
		t.Helper()
		v, err := New(Scheme{Kind: Standard}, secrets)
		if err != nil {
			t.Fatal(err)
		}
		m, err := v.Verify(headers("webhook-id", id, "webhook-timestamp", at, "webhook-signature", sum), []byte(body), now)
		if !errors.Is(err, want) || (err == nil) != (m.ID != "") {
			t.Errorf("%s %s %s: %v, want %v", id, at, sum, err, want)
		}
	}
	one := []string{exampleSecret}
	f(nil, one, exampleID, exampleTime, exampleSum, exampleBody, exampleNow)
	f(nil, []string{examplePublic()}, exampleID, exampleTime, exampleV1a, exampleBody, exampleNow)
	f(nil, []string{other, exampleSecret}, exampleID, exampleTime, exampleSum, exampleBody, exampleNow)
	f(nil, one, exampleID, exampleTime, "v1,AAAA v2,xyz "+exampleSum, exampleBody, exampleNow)
	f(nil, []string{exampleSecret, examplePublic()}, exampleID, exampleTime, exampleSum+" "+exampleV1a, exampleBody, exampleNow)
	f(nil, one, exampleID, exampleTime, exampleSum, exampleBody, exampleNow.Add(Tolerance))
	f(nil, one, exampleID, exampleTime, exampleSum, exampleBody, exampleNow.Add(-Tolerance))
	f(ErrExpired, one, exampleID, exampleTime, exampleSum, exampleBody, exampleNow.Add(Tolerance+time.Second))
	f(ErrExpired, one, exampleID, exampleTime, exampleSum, exampleBody, exampleNow.Add(-Tolerance-time.Second))
	f(ErrMissing, one, exampleID, exampleTime, "", exampleBody, exampleNow)
	f(ErrMissing, one, "", exampleTime, exampleSum, exampleBody, exampleNow)
	f(ErrMissing, one, exampleID, "", exampleSum, exampleBody, exampleNow)
	f(ErrInvalid, one, exampleID, "yesterday", exampleSum, exampleBody, exampleNow)
	f(ErrInvalid, one, exampleID, "-1614265330", exampleSum, exampleBody, exampleNow)
	f(ErrInvalid, one, exampleID+"x", exampleTime, exampleSum, exampleBody, exampleNow)
	f(ErrInvalid, one, exampleID, exampleTime, exampleSum, exampleBody+" ", exampleNow)
	f(ErrInvalid, one, exampleID, "1614265331", exampleSum, exampleBody, exampleNow)
	f(ErrInvalid, []string{other}, exampleID, exampleTime, exampleSum, exampleBody, exampleNow)
	f(ErrInvalid, one, exampleID, exampleTime, exampleV1a, exampleBody, exampleNow)
	f(ErrInvalid, []string{examplePublic()}, exampleID, exampleTime, exampleSum, exampleBody, exampleNow)
	f(ErrInvalid, one, exampleID, exampleTime, "v1,", exampleBody, exampleNow)
	f(ErrInvalid, one, exampleID, exampleTime, strings.Repeat("v1,AAAA ", maxSignatures)+exampleSum, exampleBody, exampleNow)
}

// TestTextDoesNotWander: the signed text of one message is that of another where dots may stand anywhere.
func TestTextDoesNotWander(t *testing.T) {
	t.Parallel()
	v, err := New(Scheme{Kind: Standard}, []string{exampleSecret})
	if err != nil {
		t.Fatal(err)
	}
	sum := "v1," + base64Text(v.sum(v.macs[0], []byte("b"), "m.1614265330.1614265330."))
	for _, f := range []struct{ id, body string }{{"m", "1614265330.b"}, {"m.1614265330", "b"}} {
		_, err := v.Verify(headers("webhook-id", f.id, "webhook-timestamp", exampleTime, "webhook-signature", sum), []byte(f.body), exampleNow)
		if f.id == "m" && err != nil || f.id != "m" && !errors.Is(err, ErrInvalid) {
			t.Errorf("%q %q: %v", f.id, f.body, err)
		}
	}
}

func TestOtherSchemes(t *testing.T) {
	t.Parallel()
	f := func(want error, s Scheme, secret, header, value, body string, now time.Time) {
		t.Helper()
		v, err := New(s, []string{"an older secret", secret})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(headers(header, value), []byte(body), now); !errors.Is(err, want) {
			t.Errorf("%+v %s: %v, want %v", s, value, err, want)
		}
	}
	// GitHub's documentation: "It's a Secret to Everybody", "Hello, World!".
	github := "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	f(nil, Scheme{Kind: GitHub}, "It's a Secret to Everybody", "X-Hub-Signature-256", github, "Hello, World!", exampleNow)
	f(ErrInvalid, Scheme{Kind: GitHub}, "It's a Secret to Everybody", "X-Hub-Signature-256", github[7:], "Hello, World!", exampleNow)
	f(ErrInvalid, Scheme{Kind: GitHub}, "It's a Secret to Everybody", "X-Hub-Signature-256", github, "Hello, World", exampleNow)
	f(ErrMissing, Scheme{Kind: GitHub}, "It's a Secret to Everybody", "X-Other", github, "Hello, World!", exampleNow)
	own := Scheme{Kind: HMAC, Header: "X-Signature"}
	f(nil, own, "It's a Secret to Everybody", "X-Signature", github, "Hello, World!", exampleNow)
	f(nil, own, "It's a Secret to Everybody", "X-Signature", github[7:], "Hello, World!", exampleNow)

	sign := func(s Scheme, secret, body string, head ...string) []byte {
		v, err := New(s, []string{secret})
		if err != nil {
			t.Fatal(err)
		}
		return v.sum([]byte(secret), []byte(body), head...)
	}
	long := Scheme{Kind: HMAC, Header: "X-Signature", Hash: "sha512", Encoding: "base64"}
	f(nil, long, "a secret of ours", "X-Signature", base64Text(sign(long, "a secret of ours", "b")), "b", exampleNow)
	f(ErrInvalid, long, "a secret of ours", "X-Signature", hexText(sign(long, "a secret of ours", "b")), "b", exampleNow)

	stripe := Scheme{Kind: Stripe}
	sum := hexText(sign(stripe, "whsec_stripe", "{}", exampleTime, "."))
	f(nil, stripe, "whsec_stripe", "Stripe-Signature", "t="+exampleTime+",v1=00,v1="+sum+",v0=11", "{}", exampleNow)
	f(ErrExpired, stripe, "whsec_stripe", "Stripe-Signature", "t="+exampleTime+",v1="+sum, "{}", exampleNow.Add(time.Hour))
	f(ErrInvalid, stripe, "whsec_stripe", "Stripe-Signature", "t="+exampleTime+",v0="+sum, "{}", exampleNow)
	f(ErrInvalid, stripe, "whsec_stripe", "Stripe-Signature", "v1="+sum, "{}", exampleNow)
	f(ErrInvalid, stripe, "whsec_stripe", "Stripe-Signature", "t=1614265331,t="+exampleTime+",v1="+sum, "{}", exampleNow)
}

func TestBadSchemesAndSecrets(t *testing.T) {
	t.Parallel()
	f := func(s Scheme, want string, secrets ...string) {
		t.Helper()
		_, err := New(s, secrets)
		if err == nil || !strings.Contains(err.Error(), want) || len(secrets) > 0 && secrets[0] != "" && strings.Contains(err.Error(), secrets[0]) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
	f(Scheme{Kind: "paypal"}, "use standard, stripe, github or hmac", "0123456789")
	f(Scheme{Kind: HMAC}, "needs the header", "0123456789")
	f(Scheme{Kind: HMAC, Header: "X", Hash: "md5"}, "use sha256", "0123456789")
	f(Scheme{Kind: HMAC, Header: "X", Encoding: "base32"}, "use hex or base64", "0123456789")
	f(Scheme{Kind: GitHub}, "shorter than 8", "1234567")
	f(Scheme{Kind: GitHub}, "no secret")
	f(Scheme{Kind: Standard}, "want whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	f(Scheme{Kind: Standard}, "want whsec_", "whsec_AAAA")
	f(Scheme{Kind: Standard}, "want 32 bytes", "whpk_AAAA")
}

func TestReplays(t *testing.T) {
	t.Parallel()
	r := NewReplays()
	m := Message{ID: "m.1"}
	if r.Seen("acme", m, exampleNow) {
		t.Error("seen before it was acknowledged")
	}
	r.Acknowledged("acme", m, exampleNow)
	for _, f := range []struct {
		sender string
		m      Message
		after  time.Duration
		want   bool
	}{
		{"acme", m, 0, true},
		{"acme", m, 10 * time.Minute, true},
		{"acme", m, 10*time.Minute + time.Second, false},
		{"acme", Message{ID: "m.2"}, 0, false},
		{"globex", m, 0, false},
		{"acme", Message{}, 0, false},
	} {
		if got := r.Seen(f.sender, f.m, exampleNow.Add(f.after)); got != f.want {
			t.Errorf("%+v: %v", f, got)
		}
	}
	r.most = 10
	for i := range 1000 {
		r.Acknowledged("acme", Message{ID: fmt.Sprint(i)}, exampleNow)
	}
	if len(r.now)+len(r.old) > 20 || !r.Seen("acme", Message{ID: "999"}, exampleNow) || r.Seen("acme", Message{ID: "0"}, exampleNow) {
		t.Errorf("%d and %d remembered", len(r.now), len(r.old))
	}
}

// FuzzVerify: nothing panics, and of a signed message no bit can be changed.
func FuzzVerify(f *testing.F) {
	f.Add(exampleID, exampleTime, exampleSum, []byte(exampleBody), uint32(0))
	f.Add(exampleID, exampleTime, exampleV1a, []byte(exampleBody), uint32(77))
	f.Add("", "t=1614265330,v1=00", "sha256=00", []byte(nil), uint32(9))
	secrets := []string{exampleSecret, examplePublic()}
	standard, err := New(Scheme{Kind: Standard}, secrets)
	if err != nil {
		f.Fatal(err)
	}
	others := []*Verifier{}
	for _, s := range []Scheme{{Kind: Stripe}, {Kind: GitHub}, {Kind: HMAC, Header: "webhook-signature", Encoding: "base64"}, {Kind: HMAC, Header: "webhook-id"}} {
		v, err := New(s, []string{"some secret"})
		if err != nil {
			f.Fatal(err)
		}
		others = append(others, v)
	}
	f.Fuzz(func(t *testing.T, id, at, sum string, body []byte, bit uint32) {
		sent := headers("webhook-id", id, "webhook-timestamp", at, "webhook-signature", sum, "Stripe-Signature", at, "X-Hub-Signature-256", sum)
		_, err := standard.Verify(sent, body, exampleNow)
		if example := id == exampleID && at == exampleTime && string(body) == exampleBody; err == nil && !example {
			t.Fatalf("forged: %q %q %q %q", id, at, sum, body)
		}
		for _, v := range others {
			if _, err := v.Verify(sent, body, exampleNow); err == nil {
				t.Fatalf("forged %+v: %q %q %q", v.scheme, at, sum, body)
			}
		}
		for _, good := range []string{exampleSum, exampleV1a} {
			all := []byte(exampleID + exampleTime + good + exampleBody)
			n := int(bit) % (8 * len(all))
			all[n/8] ^= 1 << (n % 8)
			a, b, c := len(exampleID), len(exampleID)+len(exampleTime), len(exampleID)+len(exampleTime)+len(good)
			changed := headers("webhook-id", string(all[:a]), "webhook-timestamp", string(all[a:b]), "webhook-signature", string(all[b:c]))
			if _, err := standard.Verify(changed, all[c:], exampleNow); err == nil {
				t.Fatalf("verified with bit %d changed: %q", n, all)
			}
		}
	})
}

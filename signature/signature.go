package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // some senders know no better; it is not the default
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"time"
)

// Kinds of signing.
const (
	Standard = "standard" // Standard Webhooks 1.0: webhook-id, webhook-timestamp, webhook-signature
	Stripe   = "stripe"   // Stripe-Signature: t=…,v1=…
	GitHub   = "github"   // X-Hub-Signature-256: sha256=…
	HMAC     = "hmac"     // a header of the sender's own over the body alone
)

// Scheme says how a sender signs. Header, Hash (sha256, sha512, sha1) and Encoding (hex, base64) are for HMAC only.
type Scheme struct {
	Kind, Header, Hash, Encoding string
}

// Tolerance is how far a signed time may be off, both ways.
const Tolerance = 5 * time.Minute

// What is wrong with a request. Nothing more precise is told: it would help whoever tries signatures out.
var (
	ErrMissing = errors.New("the request is not signed")
	ErrInvalid = errors.New("no signature fits the body")
	ErrExpired = errors.New("the signed time is too far from now")
)

// Message names what was signed. ID is the same for an exact copy of the request and for nothing else; it is "" where
// a scheme signs neither a time nor an id, so that copies cannot be told from retries.
type Message struct {
	ID string
}

// Verifier checks signatures of one sender. Several secrets are valid at once while a sender rotates them.
type Verifier struct {
	scheme Scheme
	hash   func() hash.Hash
	macs   [][]byte
	keys   []ed25519.PublicKey
}

// maxSignatures bounds the work for one request: a rotation needs two.
const maxSignatures = 8

// New makes a verifier. The error says what is wrong with scheme or secrets and never quotes a secret.
func New(s Scheme, secrets []string) (*Verifier, error) {
	v := &Verifier{scheme: s, hash: sha256.New}
	switch s.Kind {
	case Standard, Stripe, GitHub:
	case HMAC:
		if s.Header == "" {
			return nil, errors.New("hmac needs the header that carries the signature")
		}
		switch s.Hash {
		case "", "sha256":
		case "sha512":
			v.hash = sha512.New
		case "sha1":
			v.hash = sha1.New
		default:
			return nil, fmt.Errorf("unknown hash %q: use sha256, sha512 or sha1", s.Hash)
		}
		if s.Encoding != "" && s.Encoding != "hex" && s.Encoding != "base64" {
			return nil, fmt.Errorf("unknown encoding %q: use hex or base64", s.Encoding)
		}
	default:
		return nil, fmt.Errorf("unknown kind %q: use standard, stripe, github or hmac", s.Kind)
	}
	for i, secret := range secrets {
		if err := v.add(secret); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
	}
	if len(secrets) == 0 {
		return nil, errors.New("no secret")
	}
	return v, nil
}

// add reads a secret. Standard Webhooks writes keys as base64 behind whsec_ (24 to 64 bytes) or whpk_ (an Ed25519 public
// key); the others use the text as it is.
func (v *Verifier) add(secret string) error {
	if v.scheme.Kind != Standard {
		if len(secret) < 8 {
			return errors.New("shorter than 8 characters")
		}
		v.macs = append(v.macs, []byte(secret))
		return nil
	}
	if text, ok := strings.CutPrefix(secret, "whpk_"); ok {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return errors.New("want 32 bytes in base64 behind whpk_")
		}
		v.keys = append(v.keys, key)
		return nil
	}
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return errors.New("want whsec_ and 24 to 64 bytes in base64, or whpk_ and 32")
	}
	v.macs = append(v.macs, key)
	return nil
}

// Signed reports whether a request claims to be signed at all.
func (v *Verifier) Signed(header func(name string) string) bool { return header(v.header()) != "" }

func (v *Verifier) header() string {
	switch v.scheme.Kind {
	case Standard:
		return "webhook-signature"
	case Stripe:
		return "Stripe-Signature"
	case GitHub:
		return "X-Hub-Signature-256"
	}
	return v.scheme.Header
}

// Verify checks the bytes of a body as they came over the wire. The error is one of the three above.
func (v *Verifier) Verify(header func(name string) string, body []byte, now time.Time) (Message, error) {
	sent := header(v.header())
	if sent == "" {
		return Message{}, ErrMissing
	}
	switch v.scheme.Kind {
	case Standard:
		return v.standard(header("webhook-id"), header("webhook-timestamp"), sent, body, now)
	case Stripe:
		return v.stripe(sent, body, now)
	case GitHub:
		sum, ok := strings.CutPrefix(sent, "sha256=")
		return v.plain(sum, ok, hexText, body)
	}
	if v.scheme.Encoding == "base64" {
		return v.plain(sent, true, base64Text, body)
	}
	_, sum, ok := strings.Cut(sent, "=") // sha256=… is as common as the bare sum
	if !ok {
		sum = sent
	}
	return v.plain(sum, true, hexText, body)
}

// standard verifies id.timestamp.body. A dot in the id would let text wander between id, time and body.
func (v *Verifier) standard(id, at, sent string, body []byte, now time.Time) (Message, error) {
	if id == "" || at == "" {
		return Message{}, ErrMissing
	}
	if len(id) > 256 || strings.Contains(id, ".") {
		return Message{}, ErrInvalid
	}
	if err := inTime(at, now); err != nil {
		return Message{}, err
	}
	var want []string
	for _, key := range v.macs {
		want = append(want, "v1,"+base64Text(v.sum(key, body, id, ".", at, ".")))
	}
	var signed []byte
	fits, tried := false, 0
	for one := range strings.FieldsSeq(sent) {
		if tried++; tried > maxSignatures {
			break
		}
		for _, w := range want {
			fits = fits || subtle.ConstantTimeCompare([]byte(one), []byte(w)) == 1
		}
		text, asymmetric := strings.CutPrefix(one, "v1a,")
		if !asymmetric || len(v.keys) == 0 {
			continue
		}
		sig, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || base64Text(sig) != text {
			continue
		}
		if signed == nil {
			signed = append([]byte(id+"."+at+"."), body...)
		}
		for _, key := range v.keys {
			fits = fits || ed25519.Verify(key, signed, sig)
		}
	}
	if !fits {
		return Message{}, ErrInvalid
	}
	return Message{ID: id + "." + at}, nil
}

// stripe verifies t.body.
func (v *Verifier) stripe(sent string, body []byte, now time.Time) (Message, error) {
	at := ""
	var sums []string
	for part := range strings.SplitSeq(sent, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "t" && at == "":
			at = value
		case name == "v1" && len(sums) < maxSignatures:
			sums = append(sums, value)
		}
	}
	if at == "" || len(sums) == 0 {
		return Message{}, ErrInvalid
	}
	if err := inTime(at, now); err != nil {
		return Message{}, err
	}
	for _, key := range v.macs {
		want := hexText(v.sum(key, body, at, "."))
		for _, sum := range sums {
			if subtle.ConstantTimeCompare([]byte(sum), []byte(want)) == 1 {
				return Message{ID: at + "." + want}, nil
			}
		}
	}
	return Message{}, ErrInvalid
}

// plain verifies a sum of the body alone.
func (v *Verifier) plain(sent string, ok bool, encode func([]byte) string, body []byte) (Message, error) {
	for _, key := range v.macs {
		if want := encode(v.sum(key, body)); ok && subtle.ConstantTimeCompare([]byte(sent), []byte(want)) == 1 {
			return Message{}, nil
		}
	}
	return Message{}, ErrInvalid
}

func (v *Verifier) sum(key, body []byte, head ...string) []byte {
	m := hmac.New(v.hash, key)
	for _, h := range head {
		m.Write([]byte(h))
	}
	m.Write(body)
	return m.Sum(nil)
}

// inTime reads whole seconds since 1970 and compares them with now.
func inTime(text string, now time.Time) error {
	s, err := strconv.ParseUint(text, 10, 40)
	if err != nil {
		return ErrInvalid
	}
	if off := now.Sub(time.Unix(int64(s), 0)); off > Tolerance || off < -Tolerance {
		return ErrExpired
	}
	return nil
}

func hexText(b []byte) string { return hex.EncodeToString(b) }

func base64Text(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

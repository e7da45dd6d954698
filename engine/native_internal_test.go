package engine

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseHello(t *testing.T) {
	t.Parallel()
	whole := appendHello(nil, "leadline", "secret")
	f := func(b []byte, want hello, wantErr error) {
		t.Helper()
		got, err := parseHello(b)
		if !errors.Is(err, wantErr) {
			t.Errorf("got error %v, want %v", err, wantErr)
		}
		if err == nil && !cmp.Equal(got, want, cmp.AllowUnexported(hello{})) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	f(whole, hello{revision: 54433, user: "leadline", password: "secret"}, nil)
	f(append(whole, 1, 2, 3), hello{revision: 54433, user: "leadline", password: "secret"}, nil)
	for n := range whole {
		f(whole[:n], hello{}, errHalfHello)
	}
	f([]byte("GET /"), hello{}, errBrokenHello)
	f([]byte{1}, hello{}, errBrokenHello)
	f([]byte{0, 0xff, 0xff, 0xff, 0x7f}, hello{}, errBrokenHello)
	f([]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, hello{}, errBrokenHello)
	f([]byte{0x80}, hello{}, errHalfHello)
	f([]byte{0x80, 0}, hello{}, errHalfHello)
}

func TestParseAddendum(t *testing.T) {
	t.Parallel()
	f := func(b string, revision uint64, want error) {
		t.Helper()
		if err := parseAddendum([]byte(b), revision); !errors.Is(err, want) {
			t.Errorf("%q at %d: got %v, want %v", b, revision, err, want)
		}
	}
	f("", 54457, nil)
	f("", 54458, errHalfHello)
	f("\x00", 54458, nil)
	f("\x03ab", 54469, errHalfHello)
	f("\x00", 54470, errHalfHello)
	f("\x00\x01a\x01b", 54470, nil)
	f("\x00\x01a\x01b", 54471, errHalfHello)
	f("\x00\x01a\x01b\x05", 54471, nil)
	f("\xff\xff\x7f", 54458, errBrokenHello)
}

// What is taken for whole stays whole, and nothing that follows changes it.
func FuzzParseHello(f *testing.F) {
	f.Add(appendHello(nil, "leadline", "secret"))
	f.Add([]byte{0, 3, 'a', 'b', 'c'})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseHello(b)
		more, moreErr := parseHello(append(slices.Clip(b), 0xff, 0xff))
		switch {
		case err == nil && (moreErr != nil || more != got):
			t.Errorf("%q: %+v, and with more bytes %+v, %v", b, got, more, moreErr)
		case errors.Is(err, errBrokenHello) && !errors.Is(moreErr, errBrokenHello):
			t.Errorf("%q is broken, but with more bytes %v", b, moreErr)
		}
	})
}

package telegram

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

func TestButtonsComeBack(t *testing.T) {
	t.Parallel()
	c := New(Options{Token: token, Secret: []byte("secret")})
	f := func(chat int64, act string, incident, revision int64, want leadline.Action) {
		t.Helper()
		data := c.data(chat, act, incident, revision)
		if len(data) > 64 {
			t.Errorf("%s has %d bytes", data, len(data))
		}
		got, err := c.press(chat, data)
		if diff := cmp.Diff(leadline.Press{Chat: chat, Incident: incident, Revision: revision, Action: want}, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", data, err, diff)
		}
	}
	f(ops, "ack", 142, 3, leadline.ActionAck)
	f(anna, "res", 1, 0, leadline.ActionResolve)
	f(math.MinInt64, "res", math.MaxInt64, math.MaxInt64, leadline.ActionResolve)
}

func TestForgedButtonsAreRefused(t *testing.T) {
	t.Parallel()
	c := New(Options{Token: token, Secret: []byte("secret")})
	other := New(Options{Token: token, Secret: []byte("another")})
	good := c.data(ops, "ack", 142, 3)
	f := func(why string, chat int64, data string) {
		t.Helper()
		if p, err := c.press(chat, data); err == nil {
			t.Errorf("%s: %q is taken for %+v", why, data, p)
		}
	}
	f("another chat", team, good)
	f("another secret", ops, other.data(ops, "ack", 142, 3))
	f("another incident", ops, "v1:ack:3z"+good[len("v1:ack:3y"):])
	f("another action", ops, "v1:res"+good[len("v1:ack"):])
	f("another revision", ops, "v1:ack:3y:4"+good[len("v1:ack:3y:3"):])
	f("cut", ops, good[:len(good)-1])
	f("no MAC", ops, "v1:ack:3y:3:")
	f("nothing", ops, "")
	f("one word", ops, "ack")
	f("colons", ops, "::::")
	f("signed, unknown action", ops, c.data(ops, "del", 142, 3))
	f("signed, other shape", ops, "v1:ack:"+c.mac(ops, "v1:ack"))
	if _, err := c.press(ops, good); err != nil {
		t.Error(err)
	}
}

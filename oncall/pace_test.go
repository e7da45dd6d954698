package oncall

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
)

// incidents opens n of them, each of its own rule.
func (o *office) incidents(n int, severity string) {
	o.t.Helper()
	for i := range n {
		c := change(leadline.ChangeFiring, severity, "a")
		c.Rule = fmt.Sprint(severity, i)
		o.apply(c)
	}
}

func TestPaceOfAGroup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.incidents(40, "ticket")
		o.incidents(3, "page")
		defer o.run()()
		o.wait(5 * time.Minute)
		if n := strings.Count(o.phone.screen(), "INC-"); n != 43 {
			t.Fatalf("%d messages", n)
		}
		for n := range 3 {
			if id := o.phone.heard()[n].id; id != int64(41+n) {
				t.Errorf("message %d is of INC-%d: pages go first", n, id)
			}
		}
		for n, c := range o.phone.heard() {
			if n >= 1 && c.at.Sub(o.phone.heard()[n-1].at) < chatGap {
				t.Errorf("%s after the one before", c.at.Sub(o.phone.heard()[n-1].at))
			}
			if n >= groupMinute && c.at.Sub(o.phone.heard()[n-groupMinute].at) < time.Minute {
				t.Errorf("%d within %s", groupMinute+1, c.at.Sub(o.phone.heard()[n-groupMinute].at))
			}
		}
	})
}

func TestEditsHaveTheirOwnPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.run()()
		o.incidents(15, "page")
		o.wait(20 * time.Second)
		for n := range 15 {
			o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: int64(n + 1), Action: leadline.ActionAck})
		}
		o.wait(16 * time.Second) // the sends of the first minute do not hold the edits up
		if n := strings.Count(o.phone.screen(), "acked"); n != 15 {
			t.Errorf("%d acked:\n%s", n, o.phone.screen())
		}
	})
}

func TestPrivateChatsShareTheBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.chats = Chats{}
		for n := range 100 {
			o.chats[fmt.Sprint("person", n)] = Target{Chat: int64(n + 1)}
		}
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		defer o.run()()
		o.wait(10 * time.Second)
		if len(o.phone.heard()) != 100 {
			t.Fatalf("%d calls", len(o.phone.heard()))
		}
		for n, c := range o.phone.heard() {
			if n >= 1 && c.at.Sub(o.phone.heard()[n-1].at) < globalGap {
				t.Errorf("%s after the one before", c.at.Sub(o.phone.heard()[n-1].at))
			}
		}
	})
}

func TestThreeBusyChatsHoldTheBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.chats = Chats{"a": {Chat: 1}, "b": {Chat: 2}, "c": {Chat: 3}, "ops": {Chat: 4}, "z": {Chat: 5}}
		later := &leadline.DeliveryError{Problem: leadline.DeliverLater, After: 30 * time.Second}
		o.phone.failing(false, later, later, later)
		for _, team := range []string{"a", "b", "c", "z"} {
			c := change(leadline.ChangeFiring, "page", "a")
			c.Rule, c.RuleLabels = team, leadline.Labels{"team": team}
			o.apply(c)
		}
		o.phone.took = 10 * time.Millisecond
		stop := o.run()
		o.wait(29 * time.Second)
		stop()
		if n := len(o.phone.heard()); n != 3 {
			t.Errorf("%d calls", n)
		}
		stop = o.run()
		o.wait(10 * time.Second)
		stop()
		if n := strings.Count(o.phone.screen(), "open"); n != 4 {
			t.Errorf("phone\n%s", o.phone.screen())
		}
	})
}

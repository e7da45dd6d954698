package telegram

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/demo/phone"
)

// polling runs Poll until the test ends.
func (d *desk) polling(t *testing.T, handle Handler) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := d.Poll(ctx, handle); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { stop(); done.Wait() })
}

func (d *desk) answer(t *testing.T, id string, err error) phone.Answer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	a, err := d.phone.Answered(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPressesReachTheHandler(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var mu sync.Mutex
	var got []leadline.Press
	d.polling(t, func(_ context.Context, p leadline.Press) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, p)
		if p.From == eve {
			return "You are not on the list.", true
		}
		return strings.Repeat("Acked. ", 50), false
	})
	n := leadline.Notice{Chat: ops, Incident: incident()}
	ref := d.deliver(t, n)
	id, err := d.phone.Press(anna, ops, 1, "✋ Ack")
	if a := d.answer(t, id, err); a.Alert || !strings.HasPrefix(a.Text, "Acked. ") || units(a.Text) > 200 {
		t.Errorf("%+v", a)
	}
	id, err = d.phone.Press(eve, ops, 1, "✅ Resolve")
	if a := d.answer(t, id, err); !a.Alert || a.Text != "You are not on the list." {
		t.Errorf("%+v", a)
	}
	want := []leadline.Press{
		{From: anna, Chat: ops, Ref: ref, Incident: 142, Revision: 3, Action: leadline.ActionAck},
		{From: eve, Chat: ops, Ref: ref, Incident: 142, Revision: 3, Action: leadline.ActionResolve},
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestForgedPressesDoNot(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.polling(t, func(_ context.Context, p leadline.Press) (string, bool) {
		t.Errorf("handled %+v", p)
		return "", false
	})
	d.deliver(t, leadline.Notice{Chat: ops, Incident: incident()})
	d.deliver(t, leadline.Notice{Chat: team, Incident: incident()})
	foreign := d.phone.Messages(ops)[0].Buttons[0][0].Data
	f := func(chat int64, data string) {
		t.Helper()
		id, err := d.phone.Forge(phone.Press{User: eve, Chat: chat, Message: 1, Data: data})
		if a := d.answer(t, id, err); a.Text != "This button is not valid any more." || !a.Alert {
			t.Errorf("%+v", a)
		}
	}
	f(ops, "v1:res:1:1:AAAAAAAA")
	f(ops, "anything")
	f(team, foreign)
}

func TestSlowHandlerIsAnswered(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.polling(t, func(ctx context.Context, _ leadline.Press) (string, bool) {
		<-ctx.Done() // a database that does not answer
		return "Leadline is busy. Try again.", true
	})
	d.deliver(t, leadline.Notice{Chat: ops, Incident: incident()})
	began := time.Now()
	id, err := d.phone.Press(anna, ops, 1, "✋ Ack")
	d.answer(t, id, err)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("answered after %v", took)
	}
}

func TestPollSurvives(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.phone.Fault("getUpdates", phone.Fault{Status: 502})
	d.phone.Fault("getUpdates", phone.Fault{Reset: true})
	d.phone.SetWebhook("https://example.org")
	d.polling(t, func(context.Context, leadline.Press) (string, bool) { return "Acked.", false })
	d.deliver(t, leadline.Notice{Chat: ops, Incident: incident()})
	id, err := d.phone.Press(anna, ops, 1, "✋ Ack")
	until(t, func() bool { return strings.Contains(d.logged.String(), "the bot has a webhook") })
	d.phone.SetWebhook("")
	d.answer(t, id, err)
	until(t, func() bool { return strings.Contains(d.logged.String(), "updates arrive again") })
	if n := strings.Count(d.logged.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors logged, want one a kind of trouble:\n%s", n, d.logged)
	}
}

func TestSecondPoller(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	handle := func(context.Context, leadline.Press) (string, bool) { return "", false }
	d.polling(t, handle)
	d.polling(t, handle)
	until(t, func() bool {
		return strings.Contains(d.logged.String(), "another process polls with the same bot token")
	})
}

// until waits for what only polling can bring.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatal("waited in vain")
}

func TestPeopleLearnTheirID(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.polling(t, func(context.Context, leadline.Press) (string, bool) { return "", false })
	f := func(user, chat int64, said, want string) {
		t.Helper()
		if err := d.phone.Say(user, chat, said); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := d.phone.WaitFor(ctx, chat, func(ms []phone.Message) bool {
			m := ms[len(ms)-1]
			return m.From == 42 && strings.Contains(m.Text, want)
		})
		if err != nil {
			t.Errorf("%s: %v", said, err)
		}
	}
	f(boris, boris, "/start", fmt.Sprintf("Hello Boris. Your Telegram id is %d.", boris))
	f(anna, anna, "<hello>", fmt.Sprintf("Your Telegram id is %d.", anna))
	f(anna, ops, "/start@leadline_bot", fmt.Sprintf("This chat's id is %d.", ops))
	if err := d.phone.Say(anna, team, "/help"); err != nil {
		t.Fatal(err)
	}
	f(anna, team, "/start", fmt.Sprintf("This chat's id is %d.", team))
	if n := len(d.phone.Messages(team)); n != 3 {
		t.Errorf("%d messages: other bots' commands are not ours", n)
	}
}

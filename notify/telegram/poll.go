package telegram

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"leadline"
)

// Handler decides on a press and says in at most 200 characters what came of it; alert shows that in a box that has to
// be closed, as a refusal deserves. It has two seconds: somebody looks at a spinner.
type Handler func(context.Context, leadline.Press) (answer string, alert bool)

const (
	handlerTime  = 2 * time.Second
	maxAnswering = 16 // answers under way at once
	maxToast     = 200
)

// The parts of Telegram's objects that matter here.
type (
	user struct {
		ID    int64  `json:"id"`
		IsBot bool   `json:"is_bot"`
		Name  string `json:"first_name"`
	}
	chat struct {
		ID    int64  `json:"id"`
		Type  string `json:"type"`
		Title string `json:"title"`
	}
	message struct {
		ID     int    `json:"message_id"`
		Thread int    `json:"message_thread_id"`
		From   *user  `json:"from"`
		Chat   chat   `json:"chat"`
		Text   string `json:"text"`
	}
	callback struct {
		ID      string   `json:"id"`
		From    user     `json:"from"`
		Message *message `json:"message"`
		Data    string   `json:"data"`
	}
	membership struct {
		Chat chat `json:"chat"`
		New  struct {
			Status string `json:"status"`
		} `json:"new_chat_member"`
	}
	update struct {
		ID       int64       `json:"update_id"`
		Callback *callback   `json:"callback_query"`
		Message  *message    `json:"message"`
		Member   *membership `json:"my_chat_member"`
	}
)

// Poll fetches updates until ctx ends, then returns nil. Presses are handled one after another, in their order; each is
// answered, also a forged one, which the handler does not see. No error ends it: a Telegram that is down comes back.
func (c *Client) Poll(ctx context.Context, handle Handler) error {
	p := &poller{c: c, handle: handle, slots: make(chan struct{}, maxAnswering)}
	defer p.answers.Wait()
	var pause time.Duration
	for {
		updates, err := p.fetch(ctx)
		if ctx.Err() != nil {
			return nil // the end that was asked for
		}
		pause = p.report(err, pause)
		for _, u := range updates {
			p.offset = u.ID + 1
			p.update(ctx, u)
		}
		if pause == 0 {
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

type poller struct {
	c       *Client
	handle  Handler
	offset  int64
	trouble string // that was logged last
	slots   chan struct{}
	answers sync.WaitGroup
}

func (p *poller) fetch(ctx context.Context) ([]update, error) {
	params := tgbotapi.Params{
		"timeout":         strconv.Itoa(int(p.c.poll / time.Second)),
		"allowed_updates": `["callback_query","message","my_chat_member"]`,
	}
	params.AddNonZero64("offset", p.offset)
	var updates []update
	err := p.c.call(ctx, p.c.poll+p.c.timeout, "getUpdates", params, &updates)
	return updates, err
}

// report logs a trouble when it begins and ends, and says how long to wait.
func (p *poller) report(err error, pause time.Duration) time.Duration {
	if err == nil {
		if p.trouble != "" {
			p.c.log.Info("telegram updates arrive again")
		}
		p.trouble = ""
		return 0
	}
	what := "telegram updates do not arrive, trying again"
	switch {
	case says(err, "Conflict: terminated by other getUpdates"):
		what = "another process polls with the same bot token: stop it, or give each its own bot"
	case says(err, "Conflict"):
		what = "the bot has a webhook, so its buttons do not arrive here: call deleteWebhook, or use another bot"
	case says(err, tokenRefused...):
		what = "telegram refuses the bot token: check telegram.token_file"
	}
	if what != p.trouble {
		p.c.log.Error(what, "err", err) //nolint:sloglint // one of the four messages above
		p.trouble = what
	}
	if f, ok := errors.AsType[*failure](err); ok && f.retryAfter > 0 {
		return f.retryAfter
	}
	return min(max(2*pause, p.c.pause), maxPause)
}

func (p *poller) update(ctx context.Context, u update) {
	switch {
	case u.Callback != nil:
		p.callback(ctx, u.Callback)
	case u.Message != nil:
		p.message(ctx, u.Message)
	case u.Member != nil:
		p.c.log.Info("the bot's place in a chat changed",
			"chat", u.Member.Chat.ID, "title", u.Member.Chat.Title, "status", u.Member.New.Status)
	}
}

func (p *poller) callback(ctx context.Context, q *callback) {
	answer, alert := p.outcome(ctx, q)
	params := tgbotapi.Params{"callback_query_id": q.ID}
	params.AddNonEmpty("text", shorten(answer, maxToast))
	params.AddBool("show_alert", alert)
	p.slots <- struct{}{} // an answer that is late by a full row of others is still better than none
	p.answers.Go(func() {
		defer func() { <-p.slots }()
		// An answer under way outlives the end of polling: somebody waits for it.
		if err := p.c.call(context.WithoutCancel(ctx), p.c.timeout, "answerCallbackQuery", params, nil); err != nil {
			p.c.log.Warn("a press was not answered", "err", err)
		}
	})
}

// outcome is what the person reads who pressed.
func (p *poller) outcome(ctx context.Context, q *callback) (answer string, alert bool) {
	if q.Message == nil || q.From.IsBot {
		return notValid, true
	}
	press, err := p.c.press(q.Message.Chat.ID, q.Data)
	if err != nil {
		p.c.log.Warn("refused a press", "from", q.From.ID, "chat", q.Message.Chat.ID, "err", err)
		return notValid, true
	}
	press.From = q.From.ID
	press.Ref = fmt.Sprintf("%d:%d", press.Chat, q.Message.ID)
	ctx, cancel := context.WithTimeout(ctx, handlerTime)
	defer cancel()
	return p.handle(ctx, press)
}

const notValid = "This button is not valid any more."

// message tells people the ids that the configuration asks for: anybody in private, a group that sends /start.
func (p *poller) message(ctx context.Context, m *message) {
	if m.From == nil || m.From.IsBot {
		return
	}
	var reply text
	word, _, _ := strings.Cut(m.Text, " ")
	command, _, _ := strings.Cut(word, "@")
	switch {
	case m.Chat.Type == "private":
		reply = text{
			{text: "Hello " + name(m.From.Name) + ". Your Telegram id is "},
			{style: bold, text: strconv.FormatInt(m.From.ID, 10)},
			{text: ".\nOnce it stands beside your name in Leadline's configuration, you can press the buttons."},
		}
	case command == "/start":
		reply = text{{text: "This chat's id is "}, {style: bold, text: strconv.FormatInt(m.Chat.ID, 10)}}
		if m.Thread > generalTopic {
			reply = append(reply, span{text: ", the topic's "}, span{style: bold, text: strconv.Itoa(m.Thread)})
		}
		reply = append(reply, span{text: "."})
	default:
		return
	}
	params := tgbotapi.Params{"chat_id": strconv.FormatInt(m.Chat.ID, 10), "text": reply.html(), "parse_mode": "HTML"}
	if m.Thread > generalTopic {
		params["message_thread_id"] = strconv.Itoa(m.Thread)
	}
	select {
	case p.slots <- struct{}{}:
	default:
		return // presses go first
	}
	p.answers.Go(func() {
		defer func() { <-p.slots }()
		if err := p.c.call(ctx, p.c.timeout, "sendMessage", params, nil); err != nil {
			p.c.log.Warn("a message was not answered", "chat", m.Chat.ID, "err", err)
		}
	})
}

package phone

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// query is a press of a button that the bot has to answer.
type query struct {
	id       string
	at       time.Time
	press    Press
	answered bool
	answer   Answer
}

// Press is a button that somebody pressed.
type Press struct {
	User    int64
	Chat    int64
	Message int
	Data    string
}

// Answer is what a bot says to the one who pressed: a short notice, or a box with an OK button.
type Answer struct {
	Text  string
	Alert bool
}

// Press presses the button with this text and returns the press's id, for Answered.
func (p *Phone) Press(user, chat int64, message int, button string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, err := p.find(chat, message)
	if err != nil {
		return "", err
	}
	for _, row := range m.Buttons {
		for _, b := range row {
			if b.Text == button && b.Data != "" {
				return p.ask(Press{User: user, Chat: chat, Message: message, Data: b.Data}), nil
			}
		}
	}
	return "", fmt.Errorf("message %d has no button %q: its buttons are %v", message, button, m.Buttons)
}

// Forge presses a button that the message does not have, as a modified client can.
func (p *Phone) Forge(press Press) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.find(press.Chat, press.Message); err != nil {
		return "", err
	}
	return p.ask(press), nil
}

func (p *Phone) find(chat int64, message int) (*Message, error) {
	c, ok := p.chats[chat]
	if !ok {
		return nil, fmt.Errorf("no chat %d", chat)
	}
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.ID == message })
	if i < 0 {
		return nil, fmt.Errorf("no message %d in chat %d", message, chat)
	}
	return c.messages[i], nil
}

// ask puts a press into the bot's inbox. The caller holds mu.
func (p *Phone) ask(press Press) string {
	now := p.now()
	maps.DeleteFunc(p.queries, func(_ string, q *query) bool { return q.answered && now.Sub(q.at) > updateLife })
	p.lastID++
	q := &query{id: strconv.FormatInt(1e18+p.lastID, 10), at: now, press: press}
	p.queries[q.id] = q
	c := p.chats[press.Chat]
	m, err := p.find(press.Chat, press.Message)
	if err != nil {
		panic("BUG: phone: " + err.Error())
	}
	p.inbox.add("callback_query", q.at, map[string]any{
		"id": q.id, "from": p.wireFrom(press.User), "message": p.wireMessage(c, m),
		"chat_instance": strconv.FormatInt(press.Chat, 10), "data": press.Data,
	})
	p.wake()
	return q.id
}

// Answered waits for the bot's answer to a press.
func (p *Phone) Answered(ctx context.Context, id string) (Answer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		q, ok := p.queries[id]
		if !ok {
			return Answer{}, fmt.Errorf("no press %s", id)
		}
		if q.answered {
			return q.answer, nil
		}
		if err := p.wait(ctx); err != nil {
			return Answer{}, fmt.Errorf("press %s is not answered: %w", id, err)
		}
	}
}

// wait returns after the next change. The caller holds mu, which is released meanwhile.
func (p *Phone) wait(ctx context.Context) error {
	changed := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unanswered are the presses that the bot owes an answer, oldest first: each shows a spinner to somebody.
func (p *Phone) Unanswered() []Press {
	p.mu.Lock()
	defer p.mu.Unlock()
	var open []*query
	for _, q := range p.queries {
		if !q.answered {
			open = append(open, q)
		}
	}
	slices.SortFunc(open, func(a, b *query) int { return strings.Compare(a.id, b.id) })
	var out []Press
	for _, q := range open {
		out = append(out, q.press)
	}
	return out
}

const maxAnswer = 200

func (p *Phone) answerCallbackQuery(_ context.Context, given params) (any, *apiError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.queries[given.text("callback_query_id")]
	if !ok || q.answered || p.now().Sub(q.at) > pressLife {
		return nil, badRequest("query is too old and response timeout expired or query ID is invalid")
	}
	text := given.text("text")
	if units(text) > maxAnswer {
		return nil, badRequest("MESSAGE_TOO_LONG")
	}
	q.answered, q.answer = true, Answer{Text: text, Alert: given.boolean("show_alert")}
	p.wake()
	return true, nil
}

// Messages are a chat's, oldest first.
func (p *Phone) Messages(chat int64) []Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.messages(chat)
}

func (p *Phone) messages(chat int64) []Message {
	c, ok := p.chats[chat]
	if !ok {
		return nil
	}
	out := make([]Message, len(c.messages))
	for i, m := range c.messages {
		out[i] = *m
	}
	return out
}

// WaitFor waits until a chat's messages are as wanted, and returns them.
func (p *Phone) WaitFor(ctx context.Context, chat int64, wanted func([]Message) bool) ([]Message, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		all := p.messages(chat)
		if wanted(all) {
			return all, nil
		}
		if err := p.wait(ctx); err != nil {
			return all, fmt.Errorf("chat %d has %d messages, none as wanted: %w", chat, len(all), err)
		}
	}
}

// Say lets a person write into a chat. Writing to the bot in private starts that chat. In groups the bot sees commands
// only, as every bot with privacy mode does.
func (p *Phone) Say(user, id int64, text string) error {
	if strings.TrimSpace(text) == "" || units(text) > maxText {
		return fmt.Errorf("a message has 1 to %d characters", maxText)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.chats[id]
	if !ok {
		return fmt.Errorf("no chat %d", id)
	}
	if c.Kind == Private && c.Reach == NotStarted {
		c.Reach = Reachable
	}
	m := &Message{From: user, Text: strings.TrimSpace(clean(text))}
	command := strings.HasPrefix(m.Text, "/") && len(m.Text) > 1
	if command {
		word, _, _ := strings.Cut(m.Text, " ")
		m.Entities = []Entity{{Type: "bot_command", Length: units(word)}}
	}
	p.post(c, m)
	if c.Kind == Private || command {
		p.inbox.add("message", m.Date, p.wireMessage(c, m))
		p.wake()
	}
	return nil
}

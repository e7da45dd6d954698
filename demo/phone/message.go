package phone

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Message is a message as people see it.
type Message struct {
	ID        int        `json:"id"`
	Chat      int64      `json:"chat"`
	Thread    int        `json:"thread,omitempty"` // forum topic
	From      int64      `json:"from"`
	Text      string     `json:"text"`
	Entities  []Entity   `json:"entities,omitempty"`
	Buttons   [][]Button `json:"buttons,omitempty"`
	Date      time.Time  `json:"date"`
	Edited    time.Time  `json:"edited,omitzero"`
	Silent    bool       `json:"silent,omitempty"`
	NoPreview bool       `json:"-"` // of its links
}

const (
	maxText = 4096    // UTF-16 units after the entities are parsed
	maxRaw  = 1 << 15 // bytes before
	maxKept = 2000    // messages a chat
)

// content reads text, parse_mode and reply_markup, in the order in which Telegram complains about them.
func (p *Phone) content(given params) (Message, *apiError) {
	var m Message
	raw := clean(given.text("text"))
	if raw == "" {
		return m, badRequest("message text is empty")
	}
	if len(raw) > maxRaw {
		return m, badRequest("text is too long")
	}
	switch mode := strings.ToLower(given.text("parse_mode")); mode {
	case "":
		m.Text, m.Entities = tidy(raw, nil)
	case "html":
		text, entities, err := parseHTML(raw)
		if err != nil {
			return m, badRequest("can't parse entities: %v", err)
		}
		m.Text, m.Entities = tidy(text, p.mentions(entities))
	case "markdown", "markdownv2":
		return m, notModelled("the parse_mode " + mode)
	default:
		return m, badRequest("unsupported parse_mode")
	}
	var refused *apiError
	if m.Buttons, refused = parseKeyboard(given.text("reply_markup")); refused != nil {
		return m, refused
	}
	if m.NoPreview, refused = previewOff(given.text("link_preview_options")); refused != nil {
		return m, refused
	}
	if m.Text == "" {
		return m, badRequest("text must be non-empty")
	}
	if units(m.Text) > maxText {
		return m, badRequest("message is too long")
	}
	return m, nil
}

// clean does what Telegram does to every text: control characters become spaces; carriage returns, line separators and
// the marks that turn the direction of the rest of a line around vanish.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\r', r >= 0x2028 && r <= 0x202e:
			return -1
		case r < ' ':
			return ' '
		default:
			return r
		}
	}, s)
}

// mentions looks people up; who is not known to Telegram is not linked.
func (p *Phone) mentions(entities []Entity) []Entity {
	return slices.DeleteFunc(entities, func(e Entity) bool {
		_, known := p.user(e.User)
		return e.Type == "text_mention" && !known
	})
}

func previewOff(text string) (bool, *apiError) {
	if text == "" {
		return false, nil
	}
	var o struct {
		Off   bool   `json:"is_disabled"`
		URL   string `json:"url"`
		Small bool   `json:"prefer_small_media"`
		Large bool   `json:"prefer_large_media"`
		Above bool   `json:"show_above_text"`
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		return false, badRequest("can't parse link preview options: %v", err)
	}
	return o.Off, nil
}

func (p *Phone) sendMessage(_ context.Context, given params) (any, *apiError) {
	m, refused := p.content(given)
	if refused != nil {
		return nil, refused
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, refused := p.open(given)
	if refused != nil {
		return nil, refused
	}
	if m.Thread = int(given.integer("message_thread_id")); m.Thread != 0 {
		if _, ok := c.Topics[m.Thread]; !ok || m.Thread == generalTopic {
			return nil, badRequest("message thread not found")
		}
	}
	if refused := p.sendLimit(c); refused != nil {
		return nil, refused
	}
	m.From = p.me.ID
	m.Silent = given.boolean("disable_notification")
	p.post(c, &m)
	return p.wireMessage(c, &m), nil
}

// post adds a message to a chat. The caller holds mu.
func (p *Phone) post(c *chat, m *Message) {
	c.last++
	m.ID, m.Chat, m.Date = c.last, c.ID, p.now()
	if len(c.messages) == maxKept {
		c.messages = c.messages[1:]
	}
	c.messages = append(c.messages, m)
	p.notify()
}

// own finds the bot's message that is to be edited. The caller holds mu.
func (p *Phone) own(given params) (*chat, *Message, *apiError) {
	c, refused := p.open(given)
	if refused != nil {
		return nil, nil, refused
	}
	id := int(given.integer("message_id"))
	if id == 0 {
		return nil, nil, badRequest("message identifier is not specified")
	}
	i := slices.IndexFunc(c.messages, func(m *Message) bool { return m.ID == id })
	if i < 0 {
		return nil, nil, badRequest("message to edit not found")
	}
	if c.messages[i].From != p.me.ID {
		return nil, nil, badRequest("message can't be edited")
	}
	return c, c.messages[i], nil
}

func (p *Phone) editMessageText(_ context.Context, given params) (any, *apiError) {
	n, refused := p.content(given)
	if refused != nil {
		return nil, refused
	}
	return p.edit(given, n, true)
}

func (p *Phone) editMessageReplyMarkup(_ context.Context, given params) (any, *apiError) {
	buttons, refused := parseKeyboard(given.text("reply_markup"))
	if refused != nil {
		return nil, refused
	}
	return p.edit(given, Message{Buttons: buttons}, false)
}

func (p *Phone) edit(given params, n Message, text bool) (any, *apiError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, m, refused := p.own(given)
	if refused != nil {
		return nil, refused
	}
	if !text {
		n.Text, n.Entities = m.Text, m.Entities
	}
	if m.Text == n.Text && reflect.DeepEqual(m.Entities, n.Entities) && reflect.DeepEqual(m.Buttons, n.Buttons) {
		return nil, badRequest("message is not modified: specified new message content and reply markup are exactly the " +
			"same as a current content and reply markup of the message")
	}
	if refused := p.editLimit(c); refused != nil {
		return nil, refused
	}
	m.Text, m.Entities, m.Buttons = n.Text, n.Entities, n.Buttons
	if text {
		m.NoPreview, m.Edited = n.NoPreview, p.now()
	}
	p.notify()
	return p.wireMessage(c, m), nil
}

// Delete removes a message, as somebody in the chat can.
func (p *Phone) Delete(id int64, message int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.mustChat(id)
	c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.ID == message })
	p.notify()
}

// wireMessage is a Message object.
func (p *Phone) wireMessage(c *chat, m *Message) map[string]any {
	out := map[string]any{
		"message_id": m.ID, "from": p.wireFrom(m.From), "chat": wireChat(c), "date": m.Date.Unix(), "text": m.Text,
	}
	if m.Thread != 0 {
		out["message_thread_id"] = m.Thread
		out["is_topic_message"] = true
	}
	if !m.Edited.IsZero() {
		out["edit_date"] = m.Edited.Unix()
	}
	if m.NoPreview {
		out["link_preview_options"] = map[string]any{"is_disabled": true}
	}
	if len(m.Entities) > 0 {
		out["entities"] = p.wireEntities(m.Entities)
	}
	if len(m.Buttons) > 0 {
		out["reply_markup"] = map[string]any{"inline_keyboard": m.Buttons}
	}
	return out
}

func (p *Phone) wireEntities(entities []Entity) []map[string]any {
	var all []map[string]any
	for _, e := range entities {
		w := map[string]any{"type": e.Type, "offset": e.Offset, "length": e.Length}
		if e.URL != "" {
			w["url"] = e.URL
		}
		if e.Language != "" {
			w["language"] = e.Language
		}
		if e.User != 0 {
			w["user"] = p.wireFrom(e.User)
		}
		all = append(all, w)
	}
	return all
}

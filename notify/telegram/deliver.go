package telegram

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"

	"leadline"
)

// generalTopic is a forum's General topic, which must not be named: Telegram answers "message thread not found".
const generalTopic = 1

// noPreview keeps links from unfolding.
const noPreview = `{"is_disabled":true}`

// Deliver brings a chat's message of an incident to its present state: it edits n.Ref in place, or sends a message where
// there is none (any more). The reference is "chat:message". Errors are *leadline.DeliveryError.
func (c *Client) Deliver(ctx context.Context, n leadline.Notice) (ref string, err error) {
	d := &delivery{c: c, notice: n, text: compose(n, c.now()), message: messageID(n)}
	// Each refusal has one cure, so no more than all cures together are tried.
	for range 4 {
		err = d.try(ctx)
		switch {
		case err == nil:
			return fmt.Sprintf("%d:%d", n.Chat, d.message), nil
		case d.message != 0 && says(err, notModified...):
			return fmt.Sprintf("%d:%d", n.Chat, d.message), nil
		case d.message != 0 && says(err, editLost...):
			c.log.Info("the incident's message is gone, sending a new one", "chat", n.Chat, "incident", n.Incident.ID)
			d.message = 0
		case !d.plain && says(err, badMarkup...):
			c.log.Error("telegram does not read our markup, sending plain text", "incident", n.Incident.ID, "err", err)
			d.plain = true
		case d.message == 0 && !d.root && says(err, threadLost...):
			c.log.Warn("no such topic, sending to the chat itself", "chat", n.Chat, "thread", n.Thread, "err", err)
			d.root = true
		default:
			return "", problem(err)
		}
	}
	return "", problem(err)
}

// delivery is one notice on its way.
type delivery struct {
	c       *Client
	notice  leadline.Notice
	text    text
	message int  // to edit, 0 to send
	plain   bool // without markup
	root    bool // outside of the topic
}

func (d *delivery) try(ctx context.Context) error {
	n := d.notice
	p := tgbotapi.Params{
		"chat_id":              strconv.FormatInt(n.Chat, 10),
		"link_preview_options": noPreview,
	}
	t := d.text
	if d.root {
		remark := text{{text: "\n\n"}, {style: italic, text: fmt.Sprintf("Topic %d was not found, so this is here.", n.Thread)}}
		t = append(t.cut(maxText-remark.units()), remark...)
	}
	if d.plain {
		p["text"] = t.String()
	} else {
		p["text"], p["parse_mode"] = t.html(), "HTML"
	}
	p.AddNonEmpty("reply_markup", d.c.keyboard(n.Chat, n.Incident))
	if d.message != 0 {
		p["message_id"] = strconv.Itoa(d.message)
		return d.c.call(ctx, d.c.timeout, "editMessageText", p, nil)
	}
	if n.Thread > generalTopic && !d.root {
		p["message_thread_id"] = strconv.Itoa(n.Thread)
	}
	p.AddBool("disable_notification", silent(n.Incident))
	var sent struct {
		ID int `json:"message_id"`
	}
	if err := d.c.call(ctx, d.c.timeout, "sendMessage", p, &sent); err != nil {
		return err
	}
	d.message = sent.ID
	return nil
}

// silent says that nobody's phone need ring.
func silent(in leadline.Incident) bool {
	return in.Severity == severityInfo || in.State == leadline.IncidentResolved
}

// messageID is the message that a notice refers to, 0 where it belongs to another chat or to none.
func messageID(n leadline.Notice) int {
	chat, message, ok := strings.Cut(n.Ref, ":")
	if !ok {
		chat, message = strconv.FormatInt(n.Chat, 10), n.Ref
	}
	id, err := strconv.Atoi(message)
	if err != nil || chat != strconv.FormatInt(n.Chat, 10) {
		return 0
	}
	return id
}

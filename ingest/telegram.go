package ingest

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"leadline"
	"leadline/schema"
)

// SubmitTelegram takes an Update as Telegram's webhook posts it for r.Bot and returns when the event that it became is
// durable. Telegram cannot mend what it sends and redelivers for a day what is refused, so every JSON object with an
// update_id is taken, also kinds of updates that did not exist when this was written. The error is always a *Problem.
//
// The event's id is tg:<bot>:<update_id>, so a redelivery is a duplicate. Its payload is Leadline's own and is not
// checked against schemas: names, texts and chat ids are not kept.
func (p *Pipeline) SubmitTelegram(ctx context.Context, r Request) (leadline.Receipt, error) {
	r.telegram = true
	leave, problem := p.admission.enter(ctx, &r)
	if problem != nil {
		return leadline.Receipt{}, problem
	}
	d := p.accept(&r)
	defer p.release(d)
	d.start()
	u, err := d.readUpdate()
	leave()
	if err != nil {
		return leadline.Receipt{}, &Problem{Status: http.StatusBadRequest, Code: CodeInvalidBody, Detail: "not a Telegram update: " + err.Error()}
	}
	d.fromUpdate(&u)
	d.push(nil)
	return p.keep(ctx, d)
}

// update is what is read of an Update. Its strings hold as long as the item.
type update struct {
	id           int64
	kind         string // the field beside update_id: message, callback_query, …; "": none
	date, edited int64  // Unix seconds, 0: none
	from         int64  // who acted
	hasFrom      bool
	chatType     string // private, group, supergroup, channel
	content      string // what a message consists of, "" where not known
	started      bool   // the text is /start
	start        string // and its parameter
	button       string // the word at the start of a callback's data
	status       string // new_chat_member's
	paid         bool
	currency     string
	amount       int64 // in the currency's smallest unit
}

// contents are the fields of a message that say what it is.
var contents = []string{
	"animation", "audio", "boost_added", "checklist", "contact", "delete_chat_photo", "dice", "document",
	"forum_topic_created", "game", "gift", "giveaway", "group_chat_created", "invoice", "left_chat_member", "location",
	"migrate_to_chat_id", "new_chat_members", "new_chat_photo", "new_chat_title", "paid_media", "photo",
	"pinned_message", "poll", "refunded_payment", "sticker", "story", "venue", "video", "video_note", "voice",
	"web_app_data",
}

// readUpdate reads the body. Whatever does not look as expected is passed over, for Telegram adds fields often.
func (d *decoder) readUpdate() (u update, err error) {
	sc := &d.sc
	sc.Begin(d.req.Body)
	found := false
	for sc.Object(); sc.Key(); {
		switch {
		case string(sc.Name()) == "update_id":
			u.id, found = d.integer()
		case u.kind == "" && sc.Kind() == schema.KindObject:
			u.kind = d.it.keep(sc.Name())
			d.readSubject(&u)
		default:
			sc.Skip()
		}
	}
	if err := sc.End(); err != nil {
		return u, err
	}
	if !found {
		return u, errors.New("it has no update_id")
	}
	return u, nil
}

// readSubject reads the object that an update is about, and what is inside it at the few places that matter.
func (d *decoder) readSubject(u *update) {
	d.object(func(name string) bool {
		switch name {
		case "date", "add_date", "remove_date":
			u.date, _ = d.integer()
		case "edit_date":
			u.edited, _ = d.integer()
		case "from", "user":
			d.readUser(u)
		case "chat":
			d.readChatType(u)
		case "message": // of a callback query: who wrote it and when is not who pressed its button and when
			d.object(func(name string) bool {
				if name == "chat" {
					d.readChatType(u)
					return true
				}
				return false
			})
		case "text":
			u.content = name
			u.started, u.start = d.readStart(d.string())
		case "data":
			u.button = d.word()
		case "boost", "source": // chat_boost: {boost: {add_date, source: {user}}}
			d.readSubject(u)
		case "new_chat_member":
			d.object(func(name string) bool {
				if name == "status" {
					u.status = d.word()
					return true
				}
				return false
			})
		case "successful_payment":
			u.content, u.paid = "successful_payment", true
			d.readPayment(u)
		default:
			if i := slices.Index(contents, name); i >= 0 {
				u.content = contents[i]
			}
			return false
		}
		return true
	})
}

func (d *decoder) readUser(u *update) {
	d.object(func(name string) bool {
		switch name {
		case "id":
			u.from, u.hasFrom = d.integer()
		case "language_code":
			if v := d.string(); isLocale(v) {
				d.it.event.Locale = d.it.keep(v)
			}
		default:
			return false
		}
		return true
	})
}

func (d *decoder) readChatType(u *update) {
	d.object(func(name string) bool {
		if name == "type" {
			u.chatType = d.word()
			return true
		}
		return false
	})
}

func (d *decoder) readPayment(u *update) {
	d.object(func(name string) bool {
		switch name {
		case "currency":
			u.currency = d.word()
		case "total_amount":
			u.amount, _ = d.integer()
		default:
			return false
		}
		return true
	})
}

// object passes the next value. If it is an object, field is called at each of its fields: it reads the value, or
// returns false and leaves it.
func (d *decoder) object(field func(name string) bool) {
	if d.sc.Kind() != schema.KindObject {
		d.sc.Skip()
		return
	}
	for d.sc.Object(); d.sc.Key(); {
		if !field(view(d.sc.Name())) {
			d.sc.Skip()
		}
	}
}

// string reads a string, nil where the next value is something else.
func (d *decoder) string() []byte {
	if d.sc.Kind() != schema.KindString {
		d.sc.Skip()
		return nil
	}
	v, _ := d.sc.Text()
	return v
}

// word reads a string and keeps the word of at most 32 letters that it begins with. That is all there is of a status
// or a currency; of a button's data it is the name of the action without the ids behind it.
func (d *decoder) word() string {
	v := d.string()
	n := 0
	for n < min(len(v), 32) && (isLetter(v[n]) || v[n] == '_') {
		n++
	}
	return d.it.keep(v[:n])
}

func (d *decoder) integer() (int64, bool) {
	if d.sc.Kind() != schema.KindNumber {
		d.sc.Skip()
		return 0, false
	}
	n, _ := d.sc.Number()
	return n.Int64()
}

package ingest

import (
	"bytes"
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"leadline"
	"leadline/schema"
	"leadline/source"
)

// SubmitHook takes the JSON body that somebody else's webhook posts and returns when the event that the hook makes of
// it is durable. The payload is the body; in it the values that the hook's chat_id and ip were read from are masked, and
// what the schema of the type marks with x-pii. An event without an id gets one of its content.
//
// Who posts cannot mend what the hook makes of it and would only send it again: an item that is dropped is kept among
// the rejected and told in the receipt, without an error. The error is always a *Problem.
func (p *Pipeline) SubmitHook(ctx context.Context, r Request, h *Hook) (leadline.Receipt, error) {
	leave, problem := p.admission.enter(ctx, &r)
	if problem != nil {
		return leadline.Receipt{}, problem
	}
	d := p.accept(&r)
	defer p.release(d)
	err := d.hook(h)
	leave()
	if err != nil {
		return leadline.Receipt{}, &Problem{Status: http.StatusBadRequest, Code: CodeInvalidBody, Detail: "the body is not JSON: " + err.Error()}
	}
	return p.keep(ctx, d)
}

// hook makes the item of a hook's body. It is nil, or says why the body is not JSON.
func (d *decoder) hook(h *Hook) error {
	d.paper = &hookEvents
	body := bytes.TrimSpace(d.req.Body)
	d.text = body
	d.start()
	it, e := &d.it, &d.it.event
	e.Source = leadline.SourceHooks
	d.sc.Begin(body)
	kind := d.sc.Kind()
	if kind == schema.KindObject {
		d.sc.Skip()
	} else {
		d.notAnObject(kind)
	}
	if err := d.sc.End(); err != nil {
		return err
	}
	if len(body) > maxEvent {
		it.tooLarge(len(body))
	}
	if it.code == "" {
		m := <-h.free
		m.read(d, body)
		h.free <- m
		e.Payload = body
		it.spans[fieldPayload] = span{0, len(body)}
		it.seed = e.Type
	}
	d.finish(body)
	d.push(body)
	return nil
}

// read fills the item from what the expressions say of the body.
func (m *mapping) read(d *decoder, body []byte) {
	it, e := &d.it, &d.it.event
	m.env.Partner, m.body.doc = e.Partner, body
	if m.header = d.req.Header; m.header == nil {
		m.header = func(string) string { return "" }
	}
	if v := m.text(d, "/type", m.kind); v != "" {
		it.hasType = true
		e.Type = d.fit("/type", v, isType, "2 to 5 words of a–z 0–9 _ with dots between, such as lead.created")
	}
	if v := m.either(d, "/id", m.id); v != "" {
		it.hasID = true
		e.ID = d.fit("/id", v, isID, "1 to 100 characters of A–Z a–z 0–9 . _ : -")
	}
	if v := m.text(d, "/bot", m.bot); v != "" {
		e.Bot = d.fit("/bot", v, isName, "at most 64 bytes without control characters")
	}
	e.Campaign = d.fit("/campaign", m.text(d, "/campaign", m.campaign), isName, "at most 64 bytes without control characters")
	e.Locale = d.fit("/lead/locale", m.text(d, "/lead/locale", m.locale), isLocale, "a language tag such as en or pt-BR")
	m.readTime(d)

	m.body.watch = true
	if v := m.either(d, "/lead/chat_id", m.chat); v != "" && v != "0" {
		d.takeChat("/lead/chat_id", v)
	}
	if v := m.text(d, "/lead/ip", m.ip); v != "" {
		d.takeIP("/lead/ip", v)
	}
	m.body.watch = false
	it.hide = append(it.hide, m.body.seen...)
	m.body.seen, m.body.doc, m.header = m.body.seen[:0], nil, nil
	m.body.sc.Begin(nil)
}

func (m *mapping) readTime(d *decoder) {
	const expected = "a time such as 2026-03-20T19:30:27.123Z (RFC 3339), or Unix seconds"
	it := &d.it
	if m.occurred.number == nil {
		if v := m.text(d, "/occurred_at", m.occurred.text); v != "" {
			it.occurred = d.takeTime("/occurred_at", []byte(v), nil)
		}
		return
	}
	seconds, err := m.occurred.number.Float(&m.env)
	const first, last = 31_536_000, 7_258_118_400 // 1971 to 2200, as takeTime
	switch {
	case err != nil:
		d.unanswered("/occurred_at")
	case seconds == 0: // not there
	case seconds >= first && seconds < last:
		it.occurred = time.UnixMilli(int64(seconds * 1000)).UTC()
	default:
		it.invalid("/occurred_at", "format", expected, nil)
	}
}

func (m *mapping) text(d *decoder, pointer string, p *source.Program) string {
	if p == nil {
		return ""
	}
	v, err := p.Text(&m.env)
	if err != nil {
		d.unanswered(pointer)
	}
	return v
}

// either is a text, or a whole number as one.
func (m *mapping) either(d *decoder, pointer string, e either) string {
	if e.number == nil {
		return m.text(d, pointer, e.text)
	}
	v, err := e.number.Float(&m.env)
	switch {
	case err != nil || v != math.Trunc(v) || math.Abs(v) > 1<<53:
		d.unanswered(pointer)
		return ""
	case v == 0: // not there
		return ""
	}
	return strconv.FormatInt(int64(v), 10)
}

// unanswered notes a field whose expression failed on this body. Nothing of the body is told.
func (d *decoder) unanswered(pointer string) {
	d.it.invalid(pointer, "expr", "an answer of the hook's expression that can be used", nil)
}

// fit is a text that must look a certain way, "" where it does not. It is not told: it came from somebody's body.
func (d *decoder) fit(pointer, v string, fits func([]byte) bool, expected string) string {
	if !fits([]byte(v)) {
		d.it.invalid(pointer, "pattern", expected, nil)
		return ""
	}
	return v
}

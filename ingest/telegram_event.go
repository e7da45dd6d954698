package ingest

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"leadline"
)

// fromUpdate makes the item's event of an Update.
func (d *decoder) fromUpdate(u *update) {
	it, e := &d.it, &d.it.event
	e.Source = leadline.SourceTelegram
	e.ID = "tg:" + e.Bot + ":" + strconv.FormatInt(u.id, 10)
	e.Type = u.eventType()
	e.TraceID = d.traceID
	if u.hasFrom {
		e.LeadKey = it.keep(d.leads.of(d.pepper, e.Partner, u.from))
	}
	d.resolveDate(u)
	campaign, partner, ref := deepLink(u.start)
	e.Campaign = campaign

	d.safe = append(d.safe[:0], `{"kind":"`...)
	d.safe = append(d.safe, safeKind(u.kind)...)
	d.safe = append(d.safe, '"')
	for _, f := range [...][2]string{
		{"chat_type", u.chatType},
		{"content", u.content},
		{"start", u.start},
		{"ref_partner", partner},
		{"ref", ref},
		{"button", u.button},
		{"status", u.status},
		{"currency", u.currency},
	} {
		if f[1] != "" { // letters, digits, _ and - only: nothing to escape
			d.safe = append(append(append(append(append(d.safe, `,"`...), f[0]...), `":"`...), f[1]...), '"')
		}
	}
	if u.paid {
		d.safe = strconv.AppendInt(append(d.safe, `,"amount":`...), u.amount, 10)
	}
	d.safe = append(d.safe, '}')
	e.Payload = d.safe
}

// eventType maps what matters to leads, all else is telegram.<kind>.
func (u *update) eventType() string {
	private := u.chatType == "private"
	switch {
	case u.kind == "message" && u.paid:
		return "purchase.completed"
	case u.kind == "message" && u.started:
		return "lead.started"
	case u.kind == "callback_query":
		return "lead.clicked"
	case u.kind == "my_chat_member" && private && u.status == "kicked":
		return "lead.blocked_bot"
	case u.kind == "my_chat_member" && private && u.status == "member":
		return "lead.unblocked"
	}
	return "telegram." + safeKind(u.kind)
}

// safeKind is a kind of update that may stand in a type: a–z 0–9 _, at most 64.
func safeKind(kind string) string {
	for i := range len(kind) {
		if !isWordByte(kind[i]) {
			return "unknown"
		}
	}
	if kind == "" || len(kind) > 64 {
		return "unknown"
	}
	return kind
}

// resolveDate takes Telegram's date, which is exact to the second, or else the time of receipt.
func (d *decoder) resolveDate(u *update) {
	it, e := &d.it, &d.it.event
	e.OccurredAt = e.ReceivedAt.Truncate(time.Millisecond)
	date := u.date
	if u.edited != 0 {
		date = u.edited
	}
	const first, last = 1_356_998_400, 4_102_444_800 // 2013, when Telegram began, to 2100
	if date < first || date > last {
		return
	}
	e.OccurredAt = time.Unix(date, 0).UTC()
	it.warn(CodePrecisionSecond)
	switch age := e.ReceivedAt.Sub(e.OccurredAt); {
	case age > maxAge:
		it.warn(CodeTooOld)
	case age < -maxFuture:
		it.warn(CodeFutureTimestamp)
	}
}

// readStart reads `/start`, `/start@bot` and `/start <parameter>`. A parameter has 1 to 64 of A–Z a–z 0–9 _ -; what
// else somebody typed behind /start is not kept.
func (d *decoder) readStart(text []byte) (started bool, parameter string) {
	command, rest, _ := bytes.Cut(text, []byte(" "))
	command, _, _ = bytes.Cut(command, []byte("@"))
	if string(command) != "/start" {
		return false, ""
	}
	if len(rest) == 0 || len(rest) > 64 {
		return true, ""
	}
	for _, c := range rest {
		if !isLetter(c) && !isDigit(c) && c != '_' && c != '-' {
			return true, ""
		}
	}
	return true, d.it.keep(rest)
}

// deepLink reads c_<campaign>__p_<partner>__x_<ref>, parts in any order. A parameter without these marks is a campaign
// of its own name only in what the payload's start says.
func deepLink(parameter string) (campaign, partner, ref string) {
	for part := range strings.SplitSeq(parameter, "__") {
		switch {
		case strings.HasPrefix(part, "c_"):
			campaign = part[2:]
		case strings.HasPrefix(part, "p_"):
			partner = part[2:]
		case strings.HasPrefix(part, "x_"):
			ref = part[2:]
		}
	}
	return campaign, partner, ref
}

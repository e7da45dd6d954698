package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"hash"
	"net/netip"
	"strconv"

	"leadline"
	"leadline/schema"
)

// leads turns chat ids into lead keys: base32(HMAC-SHA256(pepper of the partner, "tg:" + chat id)), 26 characters. The
// key keeps anybody from trying out the few billion ids there are, the partner's pepper keeps partners from comparing.
type leads struct {
	partner string
	mac     hash.Hash
	id, sum []byte
}

// of returns the key, which holds until the next call.
func (l *leads) of(pepper func(partner string) []byte, partner string, chat int64) []byte {
	if l.mac == nil || l.partner != partner {
		l.mac, l.partner = hmac.New(sha256.New, pepper(partner)), partner
	}
	l.mac.Reset()
	l.id = strconv.AppendInt(append(l.id[:0], "tg:"...), chat, 10)
	l.mac.Write(l.id)
	l.sum = l.mac.Sum(l.sum[:0])
	const bytes = 17 // 26 characters hold 130 bits
	n := len(l.sum)
	l.sum = base32.StdEncoding.AppendEncode(l.sum, l.sum[:bytes])
	return l.sum[n : n+26]
}

// mask keeps of an address what may be stored: /24 of IPv4, /48 of IPv6.
func mask(a netip.Addr) netip.Addr {
	if !a.IsValid() {
		return a
	}
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		panic("BUG: mask an address: " + err.Error())
	}
	return p.Addr()
}

// readLead reads the object lead: personal data comes in, and only the chat id's keyed hash, the language and (until
// the country is known) the address go on.
func (d *decoder) readLead() {
	it, sc := &d.it, &d.sc
	if !d.is(schema.KindObject, "/lead", "an object", personal) {
		return
	}
	for sc.Object(); sc.Key(); {
		switch name := sc.Name(); string(name) {
		case "chat_id":
			d.readChat()
		case "ip":
			if v, ok := d.readText("/lead/ip", personal); ok {
				a, err := netip.ParseAddr(view(v))
				if err != nil {
					it.invalid("/lead/ip", "format", "an IPv4 or IPv6 address", nil)
				}
				it.event.IP = a.Unmap().WithZone("")
			}
		case "locale":
			it.event.Locale = d.readWord("/lead/locale", isLocale, "a language tag such as en or pt-BR", personal)
		case "username":
			d.readText("/lead/username", personal)
		default:
			it.unknown("/lead", name, leadFields)
			sc.Skip()
		}
	}
}

func (d *decoder) readChat() {
	if !d.is(schema.KindNumber, "/lead/chat_id", "an integer", personal) {
		return
	}
	n, _ := d.sc.Number()
	id, ok := n.Int64()
	if !ok {
		d.it.invalid("/lead/chat_id", "type", "an integer of 64 bits", nil)
	}
	d.it.chat, d.it.hasChat = id, ok
}

// safeText is what may be kept of an item that is rejected: the text as it came, but of lead only the lead key. A text
// that is not JSON is not kept, for nobody can say where its personal data stands.
func (d *decoder) safeText(raw []byte) []byte {
	it := &d.it
	d.safe = d.safe[:0]
	if it.code == CodeInvalidJSON || it.code == CodeNotAnObject {
		return nil
	}
	lead := it.spans[fieldLead]
	if lead == (span{}) {
		return raw[:min(len(raw), maxEvent)]
	}
	d.safe = append(d.safe, raw[:lead.from]...)
	d.safe = append(d.safe, `{"lead_key":"`...)
	d.safe = append(d.safe, it.event.LeadKey...)
	d.safe = append(d.safe, `"}`...)
	d.safe = append(d.safe, raw[lead.to:]...)
	return d.safe[:min(len(d.safe), maxEvent)]
}

// rejected is the item as it is kept for inspection.
func (d *decoder) rejected(raw []byte) leadline.Rejected {
	e := &d.it.event
	return leadline.Rejected{
		ReceivedAt: e.ReceivedAt, Partner: e.Partner, Bot: e.Bot, ID: e.ID, Type: e.Type, Schema: e.Schema, Source: e.Source,
		Code: d.it.code, Violations: d.it.violations, Payload: d.safeText(raw),
	}
}

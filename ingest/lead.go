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

// leads turns what is personal into keyed hashes: HMAC-SHA256 with the partner's pepper. The key keeps anybody from
// trying out the few billion chat ids there are, the partner's pepper keeps partners from comparing.
type leads struct {
	partner  string
	mac      hash.Hash
	text, to []byte
}

// sign returns the hash of a text, whose prefix says what it is. It holds until the next call.
func (l *leads) sign(pepper func(partner string) []byte, partner, prefix string, text []byte) []byte {
	if l.mac == nil || l.partner != partner {
		l.mac, l.partner = hmac.New(sha256.New, pepper(partner)), partner
	}
	l.mac.Reset()
	l.text = append(append(l.text[:0], prefix...), text...)
	l.mac.Write(l.text)
	l.to = l.mac.Sum(l.to[:0])
	return l.to
}

// of is the lead key of a chat: base32 of the hash of "tg:" + chat id, 26 characters, which hold 130 bits.
func (l *leads) of(pepper func(partner string) []byte, partner string, chat int64) []byte {
	var id [20]byte
	sum := l.sign(pepper, partner, "tg:", strconv.AppendInt(id[:0], chat, 10))
	return l.base32(sum, 17)[:26]
}

// token stands for a personal value: base32 of the hash of "pii:" + value, 16 characters, which hold 80 bits. Equal
// values of a partner have equal tokens.
func (l *leads) token(pepper func(partner string) []byte, partner string, value []byte) []byte {
	return l.base32(l.sign(pepper, partner, "pii:", value), 10)
}

func (l *leads) base32(sum []byte, n int) []byte {
	l.to = base32.StdEncoding.AppendEncode(sum, sum[:n])
	return l.to[len(sum):]
}

// LeadKey is the key of the lead with a chat id, by the pepper of its partner (Options.Pepper).
func LeadKey(pepper []byte, chat int64) string {
	var l leads
	return string(l.of(func(string) []byte { return pepper }, "", chat))
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
	if !d.is(schema.KindObject, "/lead", "an object") {
		return
	}
	for sc.Object(); sc.Key(); {
		switch name := sc.Name(); string(name) {
		case "chat_id":
			d.readChat("/lead/chat_id")
		case "ip":
			d.readIP("/lead/ip")
		case "locale":
			it.event.Locale = d.readWord("/lead/locale", isLocale, "a language tag such as en or pt-BR", personal)
		case "username":
			d.readText("/lead/username")
		default:
			it.unknown("/lead", name, leadFields)
			sc.Skip()
		}
	}
}

func (d *decoder) readChat(pointer string) {
	if !d.is(schema.KindNumber, pointer, "an integer") {
		return
	}
	n, _ := d.sc.Number()
	id, ok := n.Int64()
	if !ok {
		d.it.invalid(pointer, "type", "an integer of 64 bits", nil)
	}
	d.it.chat, d.it.hasChat = id, ok
}

func (d *decoder) readIP(pointer string) {
	if v, ok := d.readText(pointer); ok {
		d.takeIP(pointer, view(v))
	}
}

func (d *decoder) takeIP(pointer, text string) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		d.it.invalid(pointer, "format", "an IPv4 or IPv6 address", nil)
	}
	d.it.event.IP = a.Unmap().WithZone("")
}

// rejected is the item as it is kept for inspection.
func (d *decoder) rejected(raw []byte) leadline.Rejected {
	e := &d.it.event
	return leadline.Rejected{
		ReceivedAt: e.ReceivedAt, Partner: e.Partner, Bot: e.Bot, ID: e.ID, Type: e.Type, Schema: e.Schema, Source: e.Source,
		LeadKey: e.LeadKey, Code: d.it.code, Violations: d.it.violations, Payload: d.safeText(raw),
	}
}

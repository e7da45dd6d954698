package ingest

// The fields of the envelope, in the order in which a derived id hashes them.
const (
	fieldType = iota
	fieldOccurredAt
	fieldBot
	fieldCampaign
	fieldLead
	fieldTraceparent
	fieldTracestate
	fieldSchema
	fieldSpans
	fieldPayload
	fieldPartner
	numHashed // what follows may change from one try to the next

	fieldID
	fieldSentAt
	fieldAttempt
	fieldOrigin // a CloudEvent's source
	numFields
)

var envelopeFields = [numFields]string{
	fieldType: "type", fieldOccurredAt: "occurred_at", fieldBot: "bot", fieldCampaign: "campaign", fieldLead: "lead",
	fieldTraceparent: "traceparent", fieldTracestate: "tracestate", fieldSchema: "schema", fieldSpans: "spans",
	fieldPayload: "payload", fieldPartner: "partner", fieldID: "id", fieldSentAt: "sent_at", fieldAttempt: "attempt",
}

// fieldOf finds a field by its name, -1 where there is none.
func fieldOf(name []byte) int {
	switch string(name) {
	case "id":
		return fieldID
	case "type":
		return fieldType
	case "occurred_at":
		return fieldOccurredAt
	case "sent_at":
		return fieldSentAt
	case "bot":
		return fieldBot
	case "campaign":
		return fieldCampaign
	case "partner":
		return fieldPartner
	case "lead":
		return fieldLead
	case "traceparent":
		return fieldTraceparent
	case "tracestate":
		return fieldTracestate
	case "schema":
		return fieldSchema
	case "attempt":
		return fieldAttempt
	case "spans":
		return fieldSpans
	case "payload":
		return fieldPayload
	}
	return -1
}

var (
	knownFields = func() (out []string) {
		for _, f := range envelopeFields {
			if f != "" {
				out = append(out, f)
			}
		}
		return out
	}()
	leadFields = []string{"chat_id", "ip", "locale", "username"}
)

// Classes of bytes, a bit for each.
const (
	inID = 1 << iota
	inType
	inName
	inLocale
)

var classes = func() (t [256]uint8) {
	for i := range t {
		c := byte(i)
		if isLetter(c) || isDigit(c) || c == '.' || c == '_' || c == ':' || c == '-' {
			t[c] |= inID
		}
		if isWordByte(c) {
			t[c] |= inType
		}
		if c >= ' ' && c != 0x7f {
			t[c] |= inName
		}
		if isLetter(c) || isDigit(c) || c == '-' || c == '_' {
			t[c] |= inLocale
		}
	}
	return t
}()

// all reports whether all bytes are of a class.
func all(b []byte, class uint8) bool {
	for _, c := range b {
		if classes[c]&class == 0 {
			return false
		}
	}
	return true
}

// isID: 1–100 of A–Z a–z 0–9 . _ : -.
func isID(b []byte) bool { return len(b) > 0 && len(b) <= 100 && all(b, inID) }

// isType: ^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,4}$, at most 100 bytes.
func isType(b []byte) bool {
	if len(b) == 0 || len(b) > 100 || b[0] < 'a' || b[0] > 'z' {
		return false
	}
	dots, word := 0, 0 // and where the last word begins
	for i, c := range b {
		if classes[c]&inType != 0 {
			continue
		}
		if c != '.' || i == word || dots == 4 {
			return false
		}
		dots++
		word = i + 1
	}
	return dots > 0 && word < len(b)
}

// isName: what a bot or a campaign may be called, at most 64 bytes without control characters.
func isName(b []byte) bool { return len(b) <= 64 && all(b, inName) }

// isLocale: at most 35 of A–Z a–z 0–9 - _ (BCP 47; some clients write en_US).
func isLocale(b []byte) bool { return len(b) <= 35 && all(b, inLocale) }

// isWordByte: a–z 0–9 _.
func isWordByte(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) || c == '_' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

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

// isID: 1–100 of A–Z a–z 0–9 . _ : -.
func isID(b []byte) bool {
	if len(b) == 0 || len(b) > 100 {
		return false
	}
	for _, c := range b {
		if !isLetter(c) && !isDigit(c) && c != '.' && c != '_' && c != ':' && c != '-' {
			return false
		}
	}
	return true
}

// isType: ^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,4}$, at most 100 bytes.
func isType(b []byte) bool {
	if len(b) == 0 || len(b) > 100 || b[0] < 'a' || b[0] > 'z' {
		return false
	}
	dots, last := 0, byte(0)
	for _, c := range b {
		switch {
		case c == '.':
			if dots++; last == '.' || dots > 4 {
				return false
			}
		case !isWordByte(c):
			return false
		}
		last = c
	}
	return dots > 0 && last != '.'
}

// isName: what a bot or a campaign may be called, at most 64 bytes without control characters.
func isName(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) <= 64
}

// isLocale: at most 35 of A–Z a–z 0–9 - _ (BCP 47; some clients write en_US).
func isLocale(b []byte) bool {
	for _, c := range b {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return len(b) <= 35
}

// isWordByte: a–z 0–9 _.
func isWordByte(c byte) bool { return 'a' <= c && c <= 'z' || isDigit(c) || c == '_' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

package schema

import "bytes"

// charset is a set of ASCII characters.
type charset [2]uint64

func newCharset(s string) (c charset) {
	for _, b := range []byte(s) {
		c[b>>6] |= 1 << (b & 63)
	}
	return c
}

func (c *charset) has(b byte) bool { return b < 0x80 && c[b>>6]>>(b&63)&1 == 1 }

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

var (
	atext     = newCharset(alphanumeric + "!#$%&'*+-/=?^_`{|}~") // RFC 5322 §3.2.3
	hostText  = newCharset(alphanumeric + "-")
	scheme    = newCharset(alphanumeric + "+-.")
	pathText  = newCharset(alphanumeric + "-._~!$&'()*+,;=:@/")
	queryText = newCharset(alphanumeric + "-._~!$&'()*+,;=:@/?")
	ipv6Text  = newCharset("0123456789abcdefABCDEF:.")
	userText  = newCharset(alphanumeric + "-._~!$&'()*+,;=:")
	regName   = newCharset(alphanumeric + "-._~!$&'()*+,;=")
)

// isEmail is a Mailbox of RFC 5321 §4.1.2, without quoted pairs and with the lengths of §4.5.3.1.
func isEmail(b []byte) bool {
	at := bytes.LastIndexByte(b, '@')
	if at < 1 || at > 64 || len(b) > 254 {
		return false
	}
	local, domain := b[:at], b[at+1:]
	if local[0] == '"' {
		if len(local) < 2 || local[at-1] != '"' {
			return false
		}
		for _, c := range local[1 : at-1] {
			if c < ' ' || c > '~' || c == '"' || c == '\\' {
				return false
			}
		}
	} else {
		dot := true // a dot here would stand first or behind another
		for _, c := range local {
			if c == '.' && dot || c != '.' && !atext.has(c) {
				return false
			}
			dot = c == '.'
		}
		if dot {
			return false
		}
	}
	if len(domain) > 2 && domain[0] == '[' && domain[len(domain)-1] == ']' {
		inside := domain[1 : len(domain)-1]
		if six, ok := bytes.CutPrefix(inside, []byte("IPv6:")); ok {
			return isIPv6(six)
		}
		return isIPv4(inside)
	}
	return isHostname(domain)
}

// isHostname is a host name of RFC 1123 §2.1.
func isHostname(b []byte) bool {
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	label := 0
	for i, c := range b {
		switch {
		case c == '.':
			if label == 0 || b[i-1] == '-' {
				return false
			}
			label = 0
		case !hostText.has(c) || label == 0 && c == '-' || label == 63:
			return false
		default:
			label++
		}
	}
	return label > 0 && b[len(b)-1] != '-'
}

// isURI is a URI of RFC 3986 §3, with its scheme.
func isURI(b []byte) bool {
	colon := bytes.IndexByte(b, ':')
	if colon < 1 || b[0]|0x20-'a' > 25 || !only(b[:colon], &scheme, false) {
		return false
	}
	b = b[colon+1:]
	if i := bytes.IndexByte(b, '#'); i >= 0 {
		if !only(b[i+1:], &queryText, true) {
			return false
		}
		b = b[:i]
	}
	if i := bytes.IndexByte(b, '?'); i >= 0 {
		if !only(b[i+1:], &queryText, true) {
			return false
		}
		b = b[:i]
	}
	if rest, ok := bytes.CutPrefix(b, []byte("//")); ok {
		slash := bytes.IndexByte(rest, '/')
		if slash < 0 {
			slash = len(rest)
		}
		if !isAuthority(rest[:slash]) {
			return false
		}
		b = rest[slash:]
	}
	return only(b, &pathText, true)
}

func isAuthority(b []byte) bool {
	if at := bytes.LastIndexByte(b, '@'); at >= 0 {
		if !only(b[:at], &userText, true) {
			return false
		}
		b = b[at+1:]
	}
	host, port := b, []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !isIPv6(b[1:end]) {
			return false
		}
		if host, port = nil, b[end+1:]; len(port) > 0 {
			if port[0] != ':' {
				return false
			}
			port = port[1:]
		}
	} else if i := bytes.IndexByte(b, ':'); i >= 0 {
		host, port = b[:i], b[i+1:]
	}
	for _, c := range port {
		if c-'0' > 9 {
			return false
		}
	}
	return only(host, &regName, true)
}

// only reports whether b has no other characters than these and, where percent, percent-encoded bytes.
func only(b []byte, set *charset, percent bool) bool {
	for i := 0; i < len(b); i++ {
		if set.has(b[i]) {
			continue
		}
		if !percent || b[i] != '%' || i+2 >= len(b) || !isHex(b[i+1]) || !isHex(b[i+2]) {
			return false
		}
		i += 2
	}
	return true
}

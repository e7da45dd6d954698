package schema

import (
	"net/netip"
	"slices"
)

// format is a value of the keyword format, asserted on strings.
type format struct {
	name string
	like string // an example, for violations
	ok   func([]byte) bool
}

var formats = []*format{
	{"date-time", "an RFC 3339 time such as 2026-03-20T19:30:27.123Z", isDateTime},
	{"date", "a date such as 2026-03-20", isDate},
	{"uuid", "a UUID such as 4bf92f35-77b3-4da6-a3ce-929d0e0e4736", isUUID},
	{"email", "an e-mail address", isEmail},
	{"ipv4", "an IPv4 address", isIPv4},
	{"ipv6", "an IPv6 address", isIPv6},
	{"uri", "a URI with its scheme", isURI},
}

func formatNamed(name string) *format {
	i := slices.IndexFunc(formats, func(f *format) bool { return f.name == name })
	if i < 0 {
		return nil
	}
	return formats[i]
}

// number2 reads two digits at i, -1 where there are none.
func number2(b []byte, i int) int {
	if i+2 > len(b) || b[i]-'0' > 9 || b[i+1]-'0' > 9 {
		return -1
	}
	return int(b[i]-'0')*10 + int(b[i+1]-'0')
}

// isDate is full-date of RFC 3339 §5.6.
func isDate(b []byte) bool {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return false
	}
	century, years, month, day := number2(b, 0), number2(b, 2), number2(b, 5), number2(b, 8)
	if century < 0 || years < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	if day <= 28 {
		return true
	}
	days := [...]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if year := century*100 + years; month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days = 29
	}
	return day <= days
}

// isDateTime is date-time of RFC 3339 §5.6, with its leap second: 23:59:60 in UTC.
func isDateTime(b []byte) bool {
	if len(b) < 20 || b[10]|0x20 != 't' || b[13] != ':' || b[16] != ':' || !isDate(b[:10]) {
		return false
	}
	hour, minute, second := number2(b, 11), number2(b, 14), number2(b, 17)
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return false
	}
	b = b[19:]
	if b[0] == '.' {
		n := 1
		for n < len(b) && b[n]-'0' <= 9 {
			n++
		}
		if n == 1 {
			return false
		}
		b = b[n:]
	}
	offset := 0
	switch {
	case len(b) == 1 && b[0]|0x20 == 'z':
	case len(b) == 6 && (b[0] == '+' || b[0] == '-') && b[3] == ':':
		h, m := number2(b, 1), number2(b, 4)
		if h < 0 || h > 23 || m < 0 || m > 59 {
			return false
		}
		if offset = h*60 + m; b[0] == '-' {
			offset = -offset
		}
	default:
		return false
	}
	const day = 24 * 60
	return second < 60 || (hour*60+minute-offset+day)%day == day-1
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20-'a' <= 5 }

// isUUID is the text form of RFC 9562 §4, of any version.
func isUUID(b []byte) bool {
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return false
	}
	for i, c := range b {
		if !isHex(c) && i != 8 && i != 13 && i != 18 && i != 23 {
			return false
		}
	}
	return true
}

// isIPv4 is dotted-quad of RFC 2673 §3.2: four decimals without leading zeros.
func isIPv4(b []byte) bool {
	for part := 1; ; part++ {
		n, i := 0, 0
		for ; i < len(b) && i < 3 && b[i]-'0' <= 9; i++ {
			n = n*10 + int(b[i]-'0')
		}
		if i == 0 || n > 255 || i > 1 && b[0] == '0' {
			return false
		}
		if b = b[i:]; part == 4 {
			return len(b) == 0
		}
		if len(b) == 0 || b[0] != '.' {
			return false
		}
		b = b[1:]
	}
}

// isIPv6 is an address of RFC 4291 §2.2, without a zone.
func isIPv6(b []byte) bool {
	if len(b) > 45 || !only(b, &ipv6Text, false) { // the error of most texts that are none would be an allocation
		return false
	}
	a, err := netip.ParseAddr(view(b))
	return err == nil && a.Is6() && a.Zone() == ""
}

package ingest

import "time"

// moment reads a time of RFC 3339 in the way in which senders mostly write it: in UTC, with at most nine digits behind
// the second, from 1971 to 2199. It keeps whole milliseconds. Where it is not ok, package time has the last word, which
// takes four times as long.
func moment(b []byte) (t time.Time, ok bool) {
	n := len(b) - 1
	if n < 19 || n > 29 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[n] != 'Z' {
		return t, false
	}
	year, month, day := pair(b[0:])*100+pair(b[2:]), pair(b[5:]), pair(b[8:])
	hour, minute, second := pair(b[11:]), pair(b[14:]), pair(b[17:])
	if year < 1971 || year > 2199 || month < 1 || month > 12 || day < 1 || day > days[month-1] || hour > 23 || minute > 59 || second > 59 {
		return t, false
	}
	millis := 0
	if n > 19 {
		if b[19] != '.' || n == 20 {
			return t, false
		}
		unit := 100
		for _, c := range b[20:n] {
			if !isDigit(c) {
				return t, false
			}
			millis += int(c-'0') * unit
			unit /= 10
		}
	}
	seconds := int64(daysSince1970(year, month, day))*86400 + int64(hour*3600+minute*60+second)
	return time.UnixMilli(seconds*1000 + int64(millis)).UTC(), true
}

// daysSince1970 counts the days of the Gregorian calendar, with years that begin in March.
func daysSince1970(year, month, day int) int {
	if month -= 3; month < 0 {
		year, month = year-1, month+12
	}
	return year*365 + year/4 - year/100 + year/400 + (153*month+2)/5 + day - 719469
}

// days of each month but the leap day.
var days = [12]int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// pair is the number of two digits, too large for every use where they are none.
func pair(b []byte) int {
	if isDigit(b[0]) && isDigit(b[1]) {
		return int(b[0]-'0')*10 + int(b[1]-'0')
	}
	return 1 << 16
}

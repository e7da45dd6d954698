package oncall

import (
	"fmt"
	"time"

	"leadline/state"
)

// Kinds of the timeline's lines.
const (
	LogOpened      = "opened"
	LogJoined      = "joined"      // another series fires
	LogLevel       = "level"       // another severity of a series
	LogRecovered   = "recovered"   // one series does not fire any more
	LogResolved    = "resolved"    // the incident
	LogReopened    = "reopened"    //
	LogNoData      = "no_data"     //
	LogDataBack    = "data_back"   //
	LogError       = "eval_error"  //
	LogVerdict     = "verdict"     // another bottleneck
	LogAcked       = "acked"       //
	LogDelivered   = "delivered"   // a new message arrived
	LogNotTold     = "not_told"    // it was over before it could be told
	LogUndelivered = "undelivered" // given up, or perhaps not arrived
	LogMoved       = "moved"       // the chat has another id
	LogMissed      = "missed"      // nobody looked then; found afterwards, and nobody was told
)

// channelTelegram marks what came through a button.
const channelTelegram = "telegram"

func entry(at time.Time, incident int64, kind, format string, args ...any) state.LogEntry {
	return state.LogEntry{At: at, Incident: incident, Kind: kind, Body: fmt.Sprintf(format, args...)}
}

// span writes a duration for people: 4.2 s, 2 min 10 s, 3 h 5 min, 2 d 4 h.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	two := func(a time.Duration, au string, b time.Duration, bu string) string {
		if d%a < b {
			return fmt.Sprintf("%d %s", d/a, au)
		}
		return fmt.Sprintf("%d %s %d %s", d/a, au, d%a/b, bu)
	}
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return two(time.Minute, "min", time.Second, "s")
	case d < day:
		return two(time.Hour, "h", time.Minute, "min")
	default:
		return two(day, "d", time.Hour, "h")
	}
}

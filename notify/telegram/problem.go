package telegram

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"leadline"
)

// says reports whether err is the API's refusal with a description that begins with one of prefixes. Codes are not
// looked at: the library loses them on some ways, and 400 means a dozen things.
func says(err error, prefixes ...string) bool {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return false
	}
	for _, p := range prefixes {
		if strings.HasPrefix(f.description, p) {
			return true
		}
	}
	return false
}

// The refusals that have a cure.
var (
	notModified   = []string{"Bad Request: message is not modified"}
	editLost      = []string{"Bad Request: message to edit not found", "Bad Request: message can't be edited", "Bad Request: MESSAGE_ID_INVALID", "Bad Request: message identifier is not specified"}
	badMarkup     = []string{"Bad Request: can't parse entities"}
	threadLost    = []string{"Bad Request: message thread not found", "Bad Request: TOPIC_"}
	unreachable   = []string{"Forbidden", "Bad Request: chat not found", "Bad Request: user not found", "Bad Request: PEER_ID_INVALID", "Bad Request: group chat was deactivated", "Bad Request: not enough rights", "Bad Request: have no rights", "Bad Request: need administrator rights", "Bad Request: CHAT_"}
	tokenRefused  = []string{"Unauthorized", "Not Found"}
	tooMany       = "Too Many Requests"
	tooManyPrefix = "Too Many Requests: retry after "
)

// problem classifies what failed.
func problem(err error) *leadline.DeliveryError {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		panic("BUG: telegram: not a failure: " + err.Error())
	}
	p := &leadline.DeliveryError{Problem: leadline.DeliverLater, Detail: f.Error()}
	switch {
	case f.retryAfter > 0 || strings.HasPrefix(f.description, tooMany):
		p.After = max(f.retryAfter, retryAfter(f.description))
	case f.migrateTo != 0:
		p.Problem, p.Chat = leadline.DeliverMoved, f.migrateTo
	case says(err, unreachable...):
		p.Problem = leadline.DeliverGone
	case says(err, tokenRefused...):
		p.Detail = "token refused: check telegram.token_file (" + f.Error() + ")"
	case says(err, "Bad Request"):
		p.Problem = leadline.DeliverBad
	case f.description != "":
		// the API's own trouble, such as Internal Server Error or Conflict
	case f.status == 0 && f.written, f.status >= 200 && f.status < 300:
		p.Problem = leadline.DeliverUnknown
	case f.status == http.StatusTooManyRequests:
		p.After = time.Second
	}
	return p
}

// retryAfter reads the seconds out of a description, for an answer that lost its parameters.
func retryAfter(description string) time.Duration {
	n, err := strconv.Atoi(strings.TrimPrefix(description, tooManyPrefix))
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

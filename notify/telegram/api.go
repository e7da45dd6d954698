package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"
)

// maxAnswer bounds an answer of the API; 100 updates are far below.
const maxAnswer = 8 << 20

// call makes one request. result may be nil; the error is a *failure.
//
// The library is used through MakeRequest alone: its typed configs know neither topics nor link_preview_options, its
// constructor needs Telegram to be up, its update loop logs the token (go-telegram-bot-api#622, #628).
func (c *Client) call(ctx context.Context, timeout time.Duration, method string, params tgbotapi.Params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := &request{http: c.http, ctx: ctx}
	bot := &tgbotapi.BotAPI{Token: c.token, Client: r}
	bot.SetAPIEndpoint(strings.ReplaceAll(c.api, "%", "%%") + "/bot%s/%s")
	answer, err := bot.MakeRequest(method, params)
	if err == nil && result != nil {
		err = json.Unmarshal(answer.Result, result)
	}
	if err == nil {
		return nil
	}
	f := &failure{method: method, status: r.status, written: r.written.Load(), detail: c.redact(reason(err))}
	if api, ok := errors.AsType[*tgbotapi.Error](err); ok {
		f.description = c.redact(api.Message)
		f.retryAfter = time.Duration(api.RetryAfter) * time.Second
		f.migrateTo = api.MigrateToChatID
	}
	return f
}

// reason is an error's text without the address that was called, which contains the token.
func reason(err error) string {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err.Error()
	}
	return err.Error()
}

// redact is the last guard: whatever a server or library says, the token does not get out.
func (c *Client) redact(text string) string {
	if c.token == "" {
		return text
	}
	_, secret, _ := strings.Cut(c.token, ":")
	for _, s := range []string{c.token, url.QueryEscape(c.token), secret} {
		if len(s) > 8 { // not a piece of an ordinary word
			text = strings.ReplaceAll(text, s, "[token]")
		}
	}
	return text
}

// request carries a context through the library, which has none, and notes what the library hides.
type request struct {
	http    *http.Client
	ctx     context.Context //nolint:containedctx // the library's requests have no other way to get one
	written atomic.Bool     // Telegram may have the whole request
	status  int             // 0 where nothing came back
}

// Do implements the library's HTTPClient.
func (r *request) Do(req *http.Request) (*http.Response, error) {
	trace := &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
		if info.Err == nil {
			r.written.Store(true)
		}
	}}
	resp, err := r.http.Do(req.WithContext(httptrace.WithClientTrace(r.ctx, trace)))
	if err != nil {
		return nil, err
	}
	r.status = resp.StatusCode
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

// failure is a call that did not succeed.
type failure struct {
	method      string
	status      int    // of the HTTP answer, 0 where none came
	written     bool   // the request was sent in full
	description string // the API's, "" where the answer was not the API's
	retryAfter  time.Duration
	migrateTo   int64
	detail      string
}

func (f *failure) Error() string {
	switch {
	case f.description != "":
		return f.method + ": " + f.description
	case f.status != 0:
		return fmt.Sprintf("%s: HTTP %d without the API's JSON: %s", f.method, f.status, f.detail)
	default:
		return f.method + ": " + f.detail
	}
}

package telegram

import (
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// DefaultAPI is Telegram's own server.
const DefaultAPI = "https://api.telegram.org"

// Options of a client.
type Options struct {
	Token  string       // of the bot, as BotFather gave it
	API    string       // the Bot API's address without a trailing slash; "" for DefaultAPI
	Secret []byte       // signs the buttons; buttons of another secret are refused
	Log    *slog.Logger // nil discards
}

// Client is one bot. It is safe for concurrent use; Poll runs once at a time.
type Client struct {
	token   string
	api     string
	secret  []byte
	log     *slog.Logger
	http    *http.Client
	timeout time.Duration // of a call
	poll    time.Duration // how long Telegram holds a getUpdates without news
	pause   time.Duration // after the first failed getUpdates; it doubles up to maxPause
	now     func() time.Time
}

const (
	callTimeout = 10 * time.Second
	pollTime    = 25 * time.Second
	minPause    = time.Second
	maxPause    = time.Minute
)

// New makes a client. It calls nobody: Telegram may be down.
func New(o Options) *Client {
	if len(o.Secret) == 0 {
		panic("BUG: telegram: no secret to sign buttons with")
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	api := strings.TrimRight(o.API, "/")
	if api == "" {
		api = DefaultAPI
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 4
	return &Client{
		token:  o.Token,
		api:    api,
		secret: o.Secret,
		log:    log,
		http: &http.Client{
			Transport: transport,
			// A redirect would carry the token, which is part of the path, to another place.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		timeout: callTimeout,
		poll:    pollTime,
		pause:   minPause,
		now:     time.Now,
	}
}

package server

import (
	"container/list"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// answers remembers whole answers by partner and Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07), in
// memory only: after a restart the ids of the events do the same for what matters.
type answers struct {
	age  time.Duration
	most int // bytes

	mu    sync.Mutex
	known map[answerKey]*list.Element // of *answer
	order *list.List                  // oldest first
	bytes int
}

type answerKey struct{ partner, key string }

type answer struct {
	answerKey
	request   [32]byte // its hash
	at        time.Time
	done      bool // else its request is still under way
	status    int
	kind      string // content type
	requestID string
	body      []byte
}

const (
	answerAge     = 12 * time.Hour
	answerBytes   = 64 << 20
	answerLargest = 1 << 20 // a larger one is not remembered
	answerCost    = 512     // of an answer beside its texts
	maxAnswerKey  = 255
)

func newAnswers() *answers {
	return &answers{age: answerAge, most: answerBytes, known: map[answerKey]*list.Element{}, order: list.New()}
}

func (a *answer) cost() int { return answerCost + len(a.partner) + len(a.key) + len(a.body) }

// begin finds the answer to a key, or notes that its request is under way: then fresh is true, and finish is due.
func (l *answers) begin(k answerKey, sum [32]byte, now time.Time) (a answer, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.known[k]; e != nil {
		a := e.Value.(*answer)
		if !a.done || now.Sub(a.at) < l.age {
			return *a, false
		}
		l.drop(e)
	}
	l.add(&answer{answerKey: answerKey{strings.Clone(k.partner), strings.Clone(k.key)}, request: sum, at: now})
	return answer{}, true
}

// finish remembers what was answered, or forgets the key where the same request may be answered otherwise next time.
func (l *answers) finish(k answerKey, answered *answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.known[k]
	if e == nil {
		return
	}
	began := e.Value.(*answer)
	l.drop(e)
	if answered == nil || len(answered.body) > answerLargest {
		return
	}
	answered.answerKey, answered.request, answered.at, answered.done = began.answerKey, began.request, began.at, true
	l.add(answered)
}

func (l *answers) add(a *answer) {
	l.known[a.answerKey] = l.order.PushBack(a)
	l.bytes += a.cost()
	for e := l.order.Front(); e != nil; {
		next := e.Next()
		old := e.Value.(*answer)
		if l.bytes <= l.most && a.at.Sub(old.at) < l.age {
			return
		}
		if old.done { // what is under way is bounded by the server's concurrency
			l.drop(e)
		}
		e = next
	}
}

func (l *answers) drop(e *list.Element) {
	a := e.Value.(*answer)
	l.order.Remove(e)
	delete(l.known, a.answerKey)
	l.bytes -= a.cost()
}

// once runs do at most once for a partner's key and gives everybody else the answer that it gave. An answer that says
// "send again" is not remembered.
func (s *Server) once(c *fiber.Ctx, partner, key string, do func() error) error {
	if len(key) > maxAnswerKey {
		return problem{Status: http.StatusBadRequest, Code: "bad_idempotency_key", Detail: "an Idempotency-Key has at most 255 characters"}
	}
	k := answerKey{partner, strings.Trim(key, `"`)} // the draft's form is a quoted string; most send it bare
	sum := printOf(c)
	known, fresh := s.answers.begin(k, sum, time.Now())
	switch {
	case fresh:
	case known.request != sum:
		return problem{Status: http.StatusUnprocessableEntity, Code: "idempotency_key_reused", Detail: "this Idempotency-Key came with another request before: a new request needs a new key"}
	case !known.done:
		return problem{Status: http.StatusConflict, Code: "idempotency_in_flight", Detail: "the first request with this Idempotency-Key is still under way: ask again", retryAfter: time.Second}
	default:
		c.Response().Header.SetCanonical(requestIDHeader, []byte(known.requestID))
		c.Set("Idempotency-Replayed", "true")
		c.Set(fiber.HeaderContentType, known.kind)
		return c.Status(known.status).Send(known.body)
	}
	var answered *answer
	k = answerKey{strings.Clone(k.partner), strings.Clone(k.key)}
	defer func() { s.answers.finish(k, answered) }()
	if err := do(); err != nil {
		if err := s.fail(c, err); err != nil {
			return err
		}
	}
	r := c.Response()
	if status := r.StatusCode(); status < 500 && status != http.StatusTooManyRequests && status != http.StatusUnauthorized {
		answered = &answer{
			status: status, kind: string(r.Header.ContentType()), requestID: requestID(c), body: append([]byte(nil), r.Body()...),
		}
	}
	return nil
}

// printOf hashes what makes two requests the same.
func printOf(c *fiber.Ctx) (sum [32]byte) {
	h := sha256.New()
	for _, part := range [][]byte{
		c.Request().URI().RequestURI(), c.Request().Header.ContentType(), c.Request().Header.ContentEncoding(), c.Request().Header.Peek("Prefer"),
	} {
		h.Write(part)
		h.Write([]byte{0})
	}
	h.Write(c.Request().Body())
	h.Sum(sum[:0])
	return sum
}

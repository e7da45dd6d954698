package phone

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// Fault is something that goes wrong between a bot and Telegram, once.
type Fault struct {
	Execute bool // the request is carried out and only its answer is lost

	// One of these is what the bot meets.
	Status     int    // an answer with this status and Body
	RetryAfter int    // 429 with this many seconds
	Body       string // of Status; "" for a proxy's HTML page
	Hang       bool   // no answer as long as the bot waits
	Reset      bool   // the connection is cut
}

// Fault lets the next call of a method fail; several faults fail one call each, in their order.
func (p *Phone) Fault(method string, f Fault) {
	m, ok := lookup(method)
	if !ok {
		panic("BUG: phone: no method " + method)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[m.name] = append(p.faults[m.name], f)
}

func (p *Phone) takeFault(method string) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.faults[method]
	if len(waiting) == 0 {
		return nil
	}
	p.faults[method] = waiting[1:]
	return &waiting[0]
}

func (f *Fault) String() string {
	switch {
	case f.Hang:
		return "fault: hang"
	case f.Reset:
		return "fault: reset"
	case f.RetryAfter > 0:
		return "fault: retry after " + strconv.Itoa(f.RetryAfter)
	default:
		return "fault: " + strconv.Itoa(f.Status)
	}
}

func (f *Fault) play(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.Hang:
		<-r.Context().Done()
	case f.Reset:
		cut(w)
	case f.RetryAfter > 0:
		writeError(w, tooMany(f.RetryAfter))
	case f.Body != "":
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
	default:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		_, _ = fmt.Fprintf(w, "<html><head><title>%d %[2]s</title></head><body><center><h1>%[1]d %[2]s</h1></center></body></html>\r\n",
			f.Status, http.StatusText(f.Status))
	}
}

// cut resets the connection.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset instead of a clean end
	}
	_ = conn.Close()
}

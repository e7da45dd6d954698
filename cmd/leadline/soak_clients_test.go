//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	bin "encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// big is a query whose answer never fits between the engine and a client.
const big = "SELECT number, repeat(toString(number), 20) FROM system.numbers LIMIT 50000000"

// misdeed is one way in which a client of the engine behaves badly.
type misdeed struct {
	name string
	do   func(c *company, r *rand.Rand)
}

// misdeeds are done to both ports. The library behind them would end of most of them.
var misdeeds = []misdeed{
	{"reset while idle", func(c *company, _ *rand.Rand) { c.native(nil).end(true); c.httpTo("GET", "SELECT 1").end(true) }},
	{"reset in a SELECT", func(c *company, r *rand.Rand) {
		c.native(query(big)).some(r).end(true)
		c.httpTo("GET", big).some(r).end(true)
	}},
	{"vanish in a SELECT", func(c *company, r *rand.Rand) {
		c.native(query(big)).some(r).end(false)
		c.httpTo("GET", big).some(r).end(false)
	}},
	{"garbage", func(c *company, r *rand.Rand) {
		dialTo(c.h.native).send(noise(r)).end(false)
		dialTo(c.h.http).send(noise(r)).end(r.IntN(2) == 0)
	}},
	{"garbage after the hello", func(c *company, r *rand.Rand) {
		c.native(bytes.Repeat([]byte{0xff}, 100)).some(r).end(false)
		c.httpTo("GET", "SELECT 1").send(noise(r)).end(true)
	}},
	{"half a hello", func(c *company, r *rand.Rand) {
		dialTo(c.h.native).send(hello("analyst", c.h.analyst)[:1+r.IntN(20)]).end(r.IntN(2) == 0)
		dialTo(c.h.http).send([]byte("POST /?que")).end(true)
	}},
	{"half a query", func(c *company, r *rand.Rand) {
		q := query(big)
		c.native(q[:1+r.IntN(len(q)-1)]).end(r.IntN(2) == 0)
	}},
	{"half an INSERT", func(c *company, r *rand.Rand) {
		c.httpTo("POST", "INSERT INTO beside.pool FORMAT TSV", "Content-Length: 1000000").send([]byte("1\n2\n3")).end(r.IntN(2) == 0)
		dialTo(c.h.native).send(hello("leadline", c.writer)).some(nil).send(query("INSERT INTO beside.pool VALUES")).some(nil).end(r.IntN(2) == 0)
	}},
	{"a wrong password", func(c *company, _ *rand.Rand) { dialTo(c.h.native).send(hello("analyst", "wrong")).some(nil).end(true) }},
	{"an unknown database", func(c *company, _ *rand.Rand) {
		b := bytes.Replace(hello("analyst", c.h.analyst), []byte("\x00\x07analyst"), []byte("\x07nowhere\x07analyst"), 1)
		dialTo(c.h.native).send(b).some(nil).end(false)
	}},
	{"kill -9 of itself in a SELECT", func(c *company, r *rand.Rand) {
		address := []string{c.h.native, c.h.http}[r.IntN(2)]
		cmd := exec.Command(os.Args[0], "rogue", address, c.h.analyst, fmt.Sprint(address == c.h.native))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		_ = cmd.Run()
	}},
}

// misbehave does one after the other until ctx ends.
func (c *company) misbehave(ctx context.Context, r *rand.Rand) {
	for sleep(ctx, time.Duration(200+r.IntN(600))*time.Millisecond) {
		m := misdeeds[r.IntN(len(misdeeds))]
		m.do(c, r)
		c.mu.Lock()
		c.did[m.name]++
		c.mu.Unlock()
	}
}

func init() { rogue = killItself } //nolint:gochecknoinits // main_test.go is for every system

// killItself is the process that ends in the middle of a SELECT: a verb of this test binary.
func killItself(args []string) {
	c := &company{h: &house{native: args[0], http: args[0], analyst: args[1]}}
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
	if args[2] == "true" {
		c.native(query(big)).some(r)
	} else {
		c.httpTo("GET", big).some(r)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

// wire is a connection whose errors do not matter: the engine may be away.
type wire struct{ conn *net.TCPConn }

func dialTo(address string) *wire {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return &wire{}
	}
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	return &wire{conn.(*net.TCPConn)}
}

func (w *wire) send(b []byte) *wire {
	if w.conn != nil {
		_, _ = w.conn.Write(b)
	}
	return w
}

// some reads a part of an answer, if it comes: up to 2 MiB with r, else what comes first.
func (w *wire) some(r *rand.Rand) *wire {
	switch {
	case w.conn == nil:
	case r == nil:
		_, _ = w.conn.Read(make([]byte, 64<<10))
	default:
		_, _ = io.CopyN(io.Discard, w.conn, 1+r.Int64N(2<<20))
	}
	return w
}

// end closes, with a reset or in order.
func (w *wire) end(reset bool) {
	if w.conn == nil {
		return
	}
	if reset {
		_ = w.conn.SetLinger(0)
	}
	_ = w.conn.Close()
}

// native logs in as the analyst and sends more.
func (c *company) native(more []byte) *wire {
	return dialTo(c.h.native).send(hello("analyst", c.h.analyst)).some(nil).send(more)
}

// httpTo sends a request: the analyst's, and for a POST the writer's.
func (c *company) httpTo(method, sql string, header ...string) *wire {
	who := "analyst:" + c.h.analyst
	if method == "POST" {
		who = "leadline:" + c.writer
	}
	head := fmt.Sprintf("%s /?query=%s HTTP/1.1\r\nHost: soak\r\nAuthorization: Basic %s\r\n", method, url.QueryEscape(sql), base64.StdEncoding.EncodeToString([]byte(who)))
	for _, h := range header {
		head += h + "\r\n"
	}
	return dialTo(c.h.http).send([]byte(head + "\r\n"))
}

func noise(r *rand.Rand) []byte {
	b := make([]byte, 1+r.IntN(400))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

const oldRevision = 54433 // of the native protocol, before it had an addendum to the hello

func hello(user, password string) []byte {
	b := appendString([]byte{0}, "soak")
	b = bin.AppendUvarint(append(b, 20, 3), oldRevision)
	for _, s := range []string{"", user, password} {
		b = appendString(b, s)
	}
	return b
}

// query is the packet of a query, with the block that says that no external tables follow.
func query(sql string) []byte {
	b := []byte{1, 0 /* id */, 1 /* initial query */}
	for _, s := range []string{"", "", "0.0.0.0:0"} {
		b = appendString(b, s)
	}
	b = append(b, 1 /* tcp */)
	for _, s := range []string{"user", "host", "soak"} {
		b = appendString(b, s)
	}
	b = bin.AppendUvarint(append(b, 20, 3), oldRevision)
	b = append(b, 0 /* quota key */, 0 /* patch */, 0 /* end of settings */, 2 /* complete */, 0 /* no compression */)
	b = appendString(b, sql)
	return append(b, 2, 0, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0)
}

func appendString(b []byte, s string) []byte {
	return append(bin.AppendUvarint(b, uint64(len(s))), s...)
}

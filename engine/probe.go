package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// await returns when the child answers in both protocols. It does not ask through the guards, where a crowd of clients
// may be waiting for the same.
func (e *Engine) await(ctx context.Context, c *child) error {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	probing, stop := context.WithCancel(ctx)
	defer stop()
	go func() { // whoever took the child's port may accept a probe and never answer it
		select {
		case <-c.exited:
			stop()
		case <-probing.Done():
		}
	}()
	for {
		err := errors.Join(c.probeHTTP(probing), c.probeNative(probing, e.options.WriterPassword))
		if err == nil {
			return nil
		}
		select {
		case <-c.exited:
			return c.reason()
		case <-ctx.Done():
			return fmt.Errorf("engine: the embedded ClickHouse does not answer: %w: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

func (c *child) probeHTTP(ctx context.Context) error {
	_, err := get(ctx, c.http, "/ping", "")
	return err
}

// get asks the engine over its private HTTP port, as the writer if there is a password.
func get(ctx context.Context, address, target, password string) ([]byte, error) {
	head := "GET " + target + " HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n"
	if password != "" {
		head += "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(writerUser+":"+password)) + "\r\n"
	}
	answer, err := ask(ctx, address, []byte(head+"\r\n"))
	if err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("http: %s: %s", response.Status, body)
	}
	return body, err
}

func (c *child) probeNative(ctx context.Context, password string) error {
	answer, err := ask(ctx, c.native, appendHello(nil, writerUser, password))
	if err != nil {
		return err
	}
	if len(answer) == 0 || answer[0] == serverException {
		return fmt.Errorf("native: refused: %q", answer)
	}
	return nil
}

// ask sends a question and reads the answer to its end, as everybody has to who is not behind a guard.
func ask(ctx context.Context, address string, question []byte) ([]byte, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(past) })()
	if _, err := conn.Write(question); err != nil {
		return nil, err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/gofiber/fiber/v2"
)

const answerOfNull = `{"accepted":1,"duplicates":0,"rejected":0,"request_id":"0000000000000000"}`

// serveNull answers every request as Leadline does, without looking at it.
func serveNull(out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintln(out, l.Addr())
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 4 << 20})
	app.Post("/v1/events", func(c *fiber.Ctx) error {
		return c.Status(http.StatusAccepted).SendString(answerOfNull)
	})
	return app.Listener(l)
}

func startNull(ctx context.Context, _ *options, _ string, events int) (*subject, error) {
	p, err := start(ctx, os.Args[0], "null")
	if err != nil {
		return nil, err
	}
	addr, err := p.line()
	if err != nil {
		p.stop()
		return nil, err
	}
	return &subject{addr: addr, shape: leadlineShape("none", events), server: p.cmd.Process.Pid, stop: p.stop}, nil
}

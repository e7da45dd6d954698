package server

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

// Whatever a body claims to be, no more of it than the limit is read, and what cannot be read is the sender's fault.
func FuzzBody(f *testing.F) {
	plain := []byte(`{"id":"a","type":"lead.started"}`)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(plain)
	_ = z.Close()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain, "")
	f.Add(zipped.Bytes(), "gzip")
	f.Add(append(zipped.Bytes(), zipped.Bytes()...), "gzip")
	f.Add(w.EncodeAll(plain, nil), "zstd")
	f.Add(w.EncodeAll(bytes.Repeat([]byte("a"), 1<<20), nil), "zstd")
	f.Add(zipped.Bytes(), "br")
	const limit = 64 << 10
	app := fiber.New()
	f.Fuzz(func(t *testing.T, body []byte, encoding string) {
		var request fasthttp.RequestCtx
		request.Request.SetBody(body)
		request.Request.Header.SetContentEncoding(encoding)
		c := app.AcquireCtx(&request)
		defer app.ReleaseCtx(c)
		got, err := readBody(c, limit)
		var p problem
		switch {
		case err == nil && len(got) > limit && len(got) > len(body):
			t.Fatalf("%d bytes", len(got))
		case err == nil && (encoding == "" || encoding == "identity") && !bytes.Equal(got, body):
			t.Fatalf("got %q of %q", got, body)
		case err != nil && (!errors.As(err, &p) || p.Status < http.StatusBadRequest || p.Status >= http.StatusInternalServerError || p.Code == ""):
			t.Fatalf("%v", err)
		}
	})
}

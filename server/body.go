package server

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/zstd"
)

var errWire = problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: fmt.Sprintf("the body is larger than %d MiB on the wire: send smaller batches", maxWire>>20)}

// A body that expands more than maxRatio times is a bomb; real batches of alike events reach 40. What small bodies
// expand to costs nothing.
const (
	maxRatio     = 100
	alwaysDecode = 1 << 20
	maxWindow    = 8 << 20 // what RFC 8878 §3.1.1.1.2 wants every decoder to support
)

// readBody returns the request's body, decompressed, never more than limit bytes of it. The bytes are valid until the
// handler returns. Fiber's own c.Body decompresses without a limit and hands a decode error over as the body.
func readBody(c *fiber.Ctx, limit int) ([]byte, error) {
	raw := c.Request().Body()
	if len(raw) > maxWire {
		return nil, errWire
	}
	body, err := decompress(string(c.Request().Header.ContentEncoding()), raw, limit)
	if p, ok := errors.AsType[problem](err); ok && p.Status == http.StatusUnsupportedMediaType {
		c.Set(fiber.HeaderAcceptEncoding, "gzip, zstd") // RFC 7694
	}
	return body, err
}

// decompress undoes one encoding and returns never more than limit bytes.
func decompress(encoding string, raw []byte, limit int) ([]byte, error) {
	var r io.Reader
	limit = min(limit, max(alwaysDecode, maxRatio*len(raw)))
	switch encoding {
	case "", "identity":
		return raw, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return nil, problem{Status: http.StatusBadRequest, Code: "bad_encoding", Detail: "the body is not gzip, as Content-Encoding says"}
		}
		r = z
	case "zstd":
		z, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderMaxMemory(maxDecoded), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, fmt.Errorf("zstd decoder: %w", err)
		}
		defer z.Close()
		r = z
	default:
		return nil, problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding", Detail: fmt.Sprintf("Content-Encoding %.32q is not supported: use gzip, zstd or none", encoding)}
	}
	b, err := readAtMost(r, limit)
	switch {
	case len(b) > limit || errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, problem{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: fmt.Sprintf("the body is larger than %d MiB after decompression, or than %d times its compressed size: send smaller batches", maxDecoded>>20, maxRatio)}
	case err != nil:
		return nil, problem{Status: http.StatusBadRequest, Code: "bad_encoding", Detail: "the compressed body is damaged or cut short"}
	}
	return b, nil
}

// readAtMost reads up to limit+1 bytes, so that one more than the limit shows. It never asks for more memory than that,
// where bytes.Buffer would double once more.
func readAtMost(r io.Reader, limit int) ([]byte, error) {
	b := make([]byte, 0, 64<<10)
	for {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(2*cap(b), limit+1)), b...)
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil || len(b) > limit:
			return b, err
		}
	}
}

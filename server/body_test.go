package server_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"leadline/server"
)

// FuzzDecompress: nothing panics, nothing is longer than the limit, the same bytes have the same outcome, and what was
// packed comes out again.
func FuzzDecompress(f *testing.F) {
	f.Add(byte(0), []byte(event("x")))
	f.Add(byte(1), gzipped([]byte(event("x"))))
	f.Add(byte(2), zstded([]byte(event("x"))))
	f.Add(byte(1), gzipped(make([]byte, 1<<20)))
	f.Add(byte(2), []byte("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"))
	packer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind byte, raw []byte) {
		const limit = 64 << 10
		encoding := []string{"", "gzip", "zstd", "br"}[kind%4]
		first, err := server.Decompress(encoding, raw, limit)
		if encoding != "" && len(first) > limit {
			t.Fatalf("%d bytes", len(first))
		}
		if err != nil && (first != nil || internals.MatchString(err.Error())) {
			t.Fatalf("%v and %d bytes", err, len(first))
		}
		again, err2 := server.Decompress(encoding, raw, limit)
		if !bytes.Equal(first, again) || (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() {
			t.Fatalf("%v, then %v", err, err2)
		}
		if len(raw) > limit {
			return
		}
		for encoding, packed := range map[string][]byte{"gzip": gzipped(raw), "zstd": packer.EncodeAll(raw, nil)} {
			if got, err := server.Decompress(encoding, packed, limit); err != nil || !bytes.Equal(got, raw) {
				t.Fatalf("%s: %d bytes came back as %d: %v", encoding, len(raw), len(got), err)
			}
		}
	})
}

// TestHonestBodiesPass: neither a large window nor a batch of alike events is a bomb.
func TestHonestBodiesPass(t *testing.T) {
	t.Parallel()
	var batch strings.Builder
	for i := range 5000 {
		batch.WriteString(event("id-" + itoa(i*7919)))
		batch.WriteByte('\n')
	}
	var streamed bytes.Buffer
	w, err := zstd.NewWriter(&streamed, zstd.WithWindowSize(8<<20), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(batch.String()) {
		w.Write([]byte(line))
		w.Flush() // so that the frame does not know its size
	}
	w.Close()
	for encoding, packed := range map[string][]byte{"zstd": streamed.Bytes(), "gzip": gzipped([]byte(batch.String()))} {
		got, err := server.Decompress(encoding, packed, 16<<20)
		if err != nil || string(got) != batch.String() {
			t.Errorf("%s of 1:%d: %d bytes, %v", encoding, batch.Len()/len(packed), len(got), err)
		}
	}
}

package ingest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"leadline/ingest/spool"
)

// A segment whose end is damaged is left as a whole: what stands before the damage is not stored with the next one.
func TestDamagedSegmentIsLeftWhole(t *testing.T) {
	t.Parallel()
	const n = 6000
	dir := t.TempDir()
	p := start(t, func(o *Options) {
		o.Spool = openSpool(t, dir, func(s *spool.Options) { s.MaxRecords = n })
	})
	for from := 0; from < n; from += 100 {
		var body []byte
		for i := range 100 {
			body = append(append(body, event(from+i)...), '\n')
		}
		if _, err := p.Submit(context.Background(), Request{Partner: "acme", Format: FormatNDJSON, Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := submit(p, good); err != nil { // in a segment of its own
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.segment"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0xff, 0, 0xff}, pieceBytes+300_000); err != nil { // in the first segment's second piece
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	m := drained(t, p)
	if len(m.events) != 1 || p.Stats().Stored != 1 {
		t.Errorf("%d events, stats %+v", len(m.events), p.Stats())
	}
	aside, err := filepath.Glob(filepath.Join(dir, "*.corrupt"))
	if err != nil || len(aside) != 1 {
		t.Errorf("kept aside: %q, %v", aside, err)
	}
}

package schema

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"leadline/internal/golden"
	"leadline/source"
)

// TestLoadTellsEverything reads a directory where every file is broken in many ways.
func TestLoadTellsEverything(t *testing.T) {
	t.Parallel()
	_, err := Load(os.DirFS("testdata/broken"))
	var errs source.Errors
	if !errors.As(err, &errs) {
		t.Fatalf("got %v", err)
	}
	golden.Bytes(t, []byte(errs.Error()+"\n"), "broken.golden")
}

func TestLoadReportsReading(t *testing.T) {
	t.Parallel()
	if _, err := Load(os.DirFS("testdata/none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestLoadBounds(t *testing.T) {
	t.Parallel()
	f := func(what, text string) {
		t.Helper()
		_, err := Load(fstest.MapFS{"lead.lost/1.json": {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	f("more than 1 MiB", `{"title": "`+strings.Repeat("x", maxFile)+`"}`)
	var names strings.Builder
	for i := range 65 {
		fmt.Fprintf(&names, `,"f%d"`, i)
	}
	f("more than 64 required fields", `{"required": [`+names.String()[1:]+`]}`)
	f("patterns or", `{"patternProperties": {`+strings.ReplaceAll(names.String()[1:], `",`, `":true,`)+`:true}}`)
}

// TestManyNames checks that the tables hold more names than a small integer counts.
func TestManyNames(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	for i := range 70_000 {
		fmt.Fprintf(&list, `,"v%d"`, i)
	}
	s := compiled(t, `{"enum": [`+list.String()[1:]+`]}`)
	for _, v := range []string{"v0", "v65535", "v65536", "v69999"} {
		if !s.Check([]byte(`"`+v+`"`), nil) {
			t.Errorf("%s is not found", v)
		}
	}
	if s.Check([]byte(`"v70000"`), nil) {
		t.Error("v70000 is found")
	}
}

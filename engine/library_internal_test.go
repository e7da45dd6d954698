package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFindLibrary(t *testing.T) {
	here, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(here, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	_, err = FindLibrary("")
	if err == nil || !strings.Contains(err.Error(), "make engine") || !strings.Contains(err.Error(), "clickhouse.addrs") {
		t.Fatalf("got %v", err)
	}
	if _, err := FindLibrary("missing.so"); err == nil || !strings.Contains(err.Error(), "missing.so") || !strings.Contains(err.Error(), "make engine") {
		t.Fatalf("got %v", err)
	}

	// From the last place looked at to the first: each is preferred to the ones before.
	places := slices.Backward(candidates("@chdb/test"))
	for _, path := range places {
		if !strings.HasPrefix(path, here) {
			continue // beside the executable, which other tests may be reading, or above our directory
		}
		put(t, path)
		if got := first(candidates("@chdb/test")); got != path {
			t.Errorf("got %s, want %s", got, path)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := candidates("@chdb/test")[:2], []string{
		filepath.Join(filepath.Dir(exe), "libchdb.so"),
		filepath.Join(filepath.Dir(exe), "..", "node_modules", "@chdb", "test", "libchdb.so"),
	}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	put(t, filepath.Join(deep, "mine.so"))
	if got, err := FindLibrary("mine.so"); err != nil || got != filepath.Join(deep, "mine.so") {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestLibraryPackage(t *testing.T) {
	t.Parallel()
	f := func(platform, want, wantErr string) {
		t.Helper()
		got, err := libraryPackage(platform)
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: got %s, %v", platform, got, err)
		}
	}
	f("linux/amd64", "@chdb/lib-linux-x64-gnu", "")
	f("linux/arm64", "@chdb/lib-linux-arm64-gnu", "")
	f("darwin/amd64", "@chdb/lib-darwin-x64", "")
	f("darwin/arm64", "@chdb/lib-darwin-arm64", "")
	f("windows/amd64", "", "clickhouse.addrs")
}

func first(paths []string) string {
	for _, p := range paths {
		if isFile(p) {
			return p
		}
	}
	return ""
}

func put(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

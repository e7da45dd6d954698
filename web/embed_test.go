package web_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"leadline/web"
)

var (
	address = regexp.MustCompile(`(?:https?:)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+`)
	inline  = regexp.MustCompile(`(?i)<script(?:\s+type="?module"?)?\s*>|<style|\sstyle=|\son[a-z]+=|javascript:`)
)

// The pages work without the internet and under the policy "default-src 'self'".
func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	files, err := web.Files()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	err = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		seen++
		body, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		for _, a := range address.FindAllString(string(body), -1) {
			if a != "http://www.w3.org" && a != "//www.w3.org" { // names of XML namespaces are not fetched
				t.Errorf("%s names %s", path, a)
			}
		}
		if strings.HasSuffix(path, ".html") {
			if m := inline.Find(body); m != nil {
				t.Errorf("%s has inline script or style: %s", path, m)
			}
		}
		return nil
	})
	if err != nil || seen < 4 {
		t.Errorf("%d files: %v", seen, err)
	}
}

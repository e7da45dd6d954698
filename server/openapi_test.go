package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leadline/rules"
	"leadline/server"
)

type openAPI struct {
	OpenAPI string
	Info    struct{ Title, Version string }
	Paths   map[string]map[string]struct {
		Summary   string
		Responses map[string]struct {
			Description string
			Codes       []string `json:"x-codes"`
		}
	}
}

func readOpenAPI(t testing.TB) (doc openAPI) {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// documentedCodes are all "status code" of all addresses.
func documentedCodes(t testing.TB) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, methods := range readOpenAPI(t).Paths {
		for _, op := range methods {
			for status, r := range op.Responses {
				for _, code := range r.Codes {
					all[status+" "+code] = true
				}
			}
		}
	}
	return all
}

// TestOpenAPIIsTheServer: the document names the addresses and methods that the server has, no more and no less, and
// every code that its source can answer.
func TestOpenAPIIsTheServer(t *testing.T) {
	t.Parallel()
	doc := readOpenAPI(t)
	var documented, real []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			documented = append(documented, strings.ToUpper(method)+" "+path)
			if op.Summary == "" || len(op.Responses) == 0 {
				t.Errorf("%s %s says nothing", method, path)
			}
		}
	}
	s := server.New(server.Options{Lookup: tables{}, Rules: book{}, SLOs: func() []rules.SLOStatus { return nil }, Eraser: orders{}, Metrics: http.NotFoundHandler(), Log: leadlineLog(t)})
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range s.Routes() {
		if r.Method != http.MethodHead {
			real = append(real, r.Method+" "+param.ReplaceAllString(r.Path, "{$1}"))
		}
	}
	slices.Sort(documented)
	slices.Sort(real)
	if fmt.Sprint(documented) != fmt.Sprint(real) {
		t.Errorf("documented %v\nreal       %v", documented, real)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for sc := range documentedCodes(t) {
		_, code, _ := strings.Cut(sc, " ")
		known[code] = true
	}
	code := regexp.MustCompile(`Code(?:: |, p\.Detail = | = )"([a-z_]+)"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(file, "_test.go") && !known[m[1]] {
				t.Errorf("%s answers %s, which openapi.json does not know", file, m[1])
			}
		}
	}
	// What the intake and the limits refuse by, each constant with its status behind it or in package limit.
	constant := regexp.MustCompile(`(?m)^\tCode\w+ += "([a-z_]+)"(?: +// [45]\d\d|.*limit)?`)
	for _, file := range []string{"../ingest/codes.go", "../limit/limit.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			problem := strings.Contains(m[0], "//") || strings.Contains(file, "limit")
			if problem && !known[m[1]] {
				t.Errorf("%s has %s, which openapi.json does not know", file, m[1])
			}
		}
	}
	a := openAll(t, nil).do(t, "GET", "/openapi.json", nil)
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" || !json.Valid([]byte(a.body)) {
		t.Errorf("%d %v", a.status, a.header)
	}
}

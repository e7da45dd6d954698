package schema

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"leadline"
	"leadline/source"

	"github.com/google/go-cmp/cmp"
)

// suite is the official test suite for draft 2020-12 (tests/draft2020-12 of JSON-Schema-Test-Suite), as a Go module
// ships it. testdata/suite/go.sum pins every byte.
func suite(t *testing.T) fs.FS {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", "cuelang.org/go")
	cmd.Dir = "testdata/suite"
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if json.Unmarshal(out, &module) != nil || module.Dir == "" {
		t.Fatalf("the test suite needs the module proxy or a filled module cache: %v: %s", err, module.Error)
	}
	return os.DirFS(module.Dir + "/encoding/jsonschema/testdata/external/tests/draft2020-12")
}

// asserted is the file of the suite whose verdicts say that format asserts nothing, as it does by default; here it
// always does, so seven of its verdicts (one for each format) differ.
const asserted = "format.json"

// TestSuite runs every case of the suite. A schema is either understood, and then every verdict is as published, or
// refused with a position. The counts are exact so that neither side can shrink unseen.
func TestSuite(t *testing.T) {
	t.Parallel()
	files := suite(t)
	understood, cases, unlike, refused := 0, 0, 0, map[string]int{}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !inSuite(name) {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		var groups []struct {
			Description string
			Schema      json.RawMessage
			Tests       []struct {
				Description string
				Data        json.RawMessage
				Valid       bool
			}
		}
		if err := json.Unmarshal(data, &groups); err != nil {
			return err
		}
		for _, g := range groups {
			s, err := Compile(name, g.Schema)
			if err != nil {
				refused[reason(t, name+": "+g.Description, err)]++
				continue
			}
			understood++
			for _, c := range g.Tests {
				cases++
				var vs []leadline.Violation
				ok := s.Check(c.Data, func(v leadline.Violation) { vs = append(vs, v) })
				if name == asserted && ok != c.Valid && len(vs) == 1 && vs[0].Rule == "format" {
					unlike++
					continue
				}
				if ok != c.Valid || ok != (len(vs) == 0) || ok != s.Check(c.Data, nil) {
					t.Errorf("%s: %s: %s: %s: got %v, published %v, violations %v", name, g.Description, c.Description, c.Data, ok, c.Valid, vs)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"a recursion, which is not supported":                  2,
		"not a format that is supported":                       12,
		"not a reference that is supported":                    43,
		"not a dialect that is supported":                      2,
		"$id can stand at the root of a schema only":           7,
		"then does nothing without if":                         2,
		"else does nothing without if":                         1,
		`the keyword "array_of_schemas" is not supported`:      1,
		`the keyword "$dynamicAnchor" is not supported`:        4,
		`the keyword "$dynamicRef" is not supported`:           3,
		`the keyword "contains" is not supported`:              20,
		`the keyword "minContains" is not supported`:           1,
		`the keyword "maxContains" is not supported`:           1,
		`the keyword "contentEncoding" is not supported`:       1,
		`the keyword "contentMediaType" is not supported`:      3,
		`the keyword "dependentSchemas" is not supported`:      7,
		`the keyword "unevaluatedItems" is not supported`:      23,
		`the keyword "unevaluatedProperties" is not supported`: 38,
	}
	if diff := cmp.Diff(want, refused); diff != "" || understood != 212 || cases != 960 || unlike != 7 {
		t.Errorf("understood %d schemas with %d cases, %d unlike; refused (-want +got):\n%s", understood, cases, unlike, diff)
	}
}

// inSuite leaves out what the standard leaves open: regular expressions are RE2 here and not ECMA-262, references stay
// inside the file, and other formats than ours are refused.
func inSuite(name string) bool {
	rest, optional := strings.CutPrefix(name, "optional/")
	if !optional {
		return true
	}
	if f, ok := strings.CutPrefix(rest, "format/"); ok {
		return formatNamed(strings.TrimSuffix(f, ".json")) != nil
	}
	return slices.Contains([]string{"bignum.json", "float-overflow.json", "non-bmp-regex.json", "no-schema.json", "unknownKeyword.json"}, rest)
}

// reason is the first mistake, which must be one of what is refused on purpose.
func reason(t *testing.T, name string, err error) string {
	t.Helper()
	var errs source.Errors
	if !errors.As(err, &errs) || len(errs) == 0 || errs[0].Line == 0 || errs[0].Col == 0 || errs[0].Do == "" {
		t.Fatalf("%s: refused without a place or a way out: %v", name, err)
	}
	if _, after, ok := strings.Cut(errs[0].What, " is "); ok && errs[0].What[0] == '"' {
		return after
	}
	return errs[0].What
}

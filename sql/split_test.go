package sql

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	f := func(text string, want ...string) {
		t.Helper()
		got, err := Split(text)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	f("")
	f(" ; ;\n;")
	f("-- only a comment;\n/* and; another */ ;")
	f("SELECT 1", "SELECT 1")
	f("SELECT 1;SELECT 2;\n", "SELECT 1", "SELECT 2")
	f("-- head\nSELECT 1; -- tail\nSELECT 2", "-- head\nSELECT 1", "-- tail\nSELECT 2")
	f("SELECT ';', 'it''s;', 'a\\';b', 'c\\\\';SELECT 2", `SELECT ';', 'it''s;', 'a\';b', 'c\\'`, "SELECT 2")
	f("SELECT `a;b`, \"c;d\", \"e\\\";\"; SELECT 2", "SELECT `a;b`, \"c;d\", \"e\\\";\"", "SELECT 2")
	f("SELECT 1 --;\n, 2;SELECT 3", "SELECT 1 --;\n, 2", "SELECT 3")
	f("SELECT 1 # ;\n, 2;SELECT 3 #! ;", "SELECT 1 # ;\n, 2", "SELECT 3 #! ;")
	f("SELECT 1 /* ; -- */;SELECT 2", "SELECT 1 /* ; -- */", "SELECT 2")
	f("SELECT $$a;b$$, $x_1$c;$$d$x_1$;SELECT $1;", "SELECT $$a;b$$, $x_1$c;$$d$x_1$", "SELECT $1")
	f("SELECT 4 - -1; SELECT 8/2*2", "SELECT 4 - -1", "SELECT 8/2*2")
}

func TestSplitUnclosed(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		_, err := Split(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	f("SELECT 1;\n\nSELECT 'abc", `3: what opens here is not closed: "'abc"`)
	f("SELECT 'abc\\'", "1: ")
	f("SELECT `abc", "1: ")
	f("\nSELECT /* abc", "2: ")
	f("SELECT $a$ abc $b$", "1: ")
}

// A statement that Split returned is one statement, and joining them again changes nothing.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"SELECT ';'; SELECT 2", "-- a;\nSELECT 1 # b\n;/*;*/", "$a$;$a$;`;`;\"\\\";\"", "'\\", "$$", "/*/;*/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := Split(text)
		if err != nil {
			return
		}
		again, err := Split(strings.Join(parts, "\n;"))
		if err != nil || !slices.Equal(parts, again) {
			t.Errorf("%q\n first %q\nsecond %q, %v", text, parts, again, err)
		}
	})
}

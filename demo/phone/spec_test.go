package phone

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// specFile is a machine-readable Bot API 10.1 (PaulSonOfLars/telegram-bot-api-spec, MIT), kept beside the project.
const specFile = "../../../shared/data/telegram/botapi-10.1-subset.json"

func TestTheTableIsTelegrams(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(specFile)
	if err != nil {
		t.Skipf("the Bot API's specification is not here: %v", err)
	}
	var spec struct {
		Methods map[string]struct {
			Fields []struct {
				Name     string
				Types    []string
				Required bool
			}
		}
	}
	if err := json.Unmarshal(raw, &spec); err != nil {
		t.Fatal(err)
	}
	for _, m := range methods {
		want, ok := spec.Methods[m.name]
		if !ok {
			t.Errorf("Telegram has no method %s", m.name)
			continue
		}
		var fields []field
		for _, f := range want.Fields {
			fields = append(fields, field{f.Name, f.Types, f.Required})
		}
		if diff := cmp.Diff(fields, m.fields, cmp.AllowUnexported(field{})); diff != "" {
			t.Errorf("%s (-Telegram +here):\n%s", m.name, diff)
		}
	}
	for _, name := range unmodelled {
		if !slices.ContainsFunc([]string{"sendmessage", "editmessagetext", "answercallbackquery"}, func(m string) bool {
			return slices.ContainsFunc(methods[m].fields, func(f field) bool { return f.name == name })
		}) {
			t.Errorf("no method has the unmodelled parameter %s", name)
		}
	}
}

package server_test

import (
	"testing"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/server"
)

func TestSLOs(t *testing.T) {
	t.Parallel()
	left := 0.93
	all := openAll(t, func(o *server.Options) {
		o.SLOs = func() []rules.SLOStatus {
			return []rules.SLOStatus{{
				Name: "fast", Service: "intake", Objective: 99.9, Period: "30d", Slot: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
				Series: []rules.SLOSeries{
					{Labels: leadline.Labels{"partner": "acme"}, State: leadline.StateOK, Left: &left, Burns: map[string]float64{"1h": 0.5}, Budget: "burning 0.5×"},
					{Labels: leadline.Labels{"partner": "quiet"}, State: leadline.StateNoData, Burns: map[string]float64{}, Budget: "no events"},
				},
			}}
		}
	})
	f := func(key string, status int, body string) {
		t.Helper()
		a := all.do(t, "GET", "/v1/slos", nil, "Authorization", "Bearer "+key)
		if a.status != status || status == 200 && a.body != body {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	f("", 401, "")
	f(all.key, 403, "")
	f(all.reader, 403, "")
	f(all.watcher, 200, `{"slos":[{"name":"fast","service":"intake","objective":99.9,"period":"30d","slot":"2026-11-21T12:00:00Z","series":[`+
		`{"labels":{"partner":"acme"},"state":"ok","budget_left":0.93,"burn":{"1h":0.5},"budget":"burning 0.5×"},`+
		`{"labels":{"partner":"quiet"},"state":"no_data","burn":{},"budget":"no events"}]}]}`+"\n")
}

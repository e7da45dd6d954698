package metrics

import (
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadline"
	"leadline/engine"
	"leadline/ingest"
	"leadline/rules"
)

// Spool is the state of the spool.
type Spool interface {
	Fill() float64
	Used() int64
	Waiting() int64
	OldestAge() time.Duration
	KeyCount() int
	Memory() int64
	Window() time.Duration
}

// Sources are the parts that are asked when Prometheus asks: their answers are numbers in memory.
type Sources struct {
	Pipeline  interface{ Stats() ingest.Stats }
	Spool     Spool
	Engine    interface{ Health() engine.Health } // nil with a ClickHouse of its own
	Rules     interface{ Status() []rules.GroupStatus }
	Reload    interface{ Status() Reload }
	Heartbeat interface{ Status() Heartbeat } // nil where none is sent
}

// Reload says how the newest try to read the rule files ended.
type Reload struct {
	OK   bool
	Last time.Time // that was taken up
}

// Heartbeat counts since the start.
type Heartbeat struct {
	Sent   int64
	Failed int64     // not taken by the other side
	Blind  int64     // withheld: rules are not evaluated
	Mute   int64     // withheld: a page is not delivered
	Last   time.Time // that was taken; zero: none
}

// Watch adds the parts' numbers to every answer. It is called once, when the parts are there.
func (m *Metrics) Watch(s Sources) { m.registry.MustRegister(&watched{s}) }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	intakeItems = describe("leadline_intake_items_total", "Items of answered requests, by result: accepted, duplicate or rejected.", "result")
	watermark   = describe("leadline_watermark_timestamp_seconds", "Every event that was stored before this time can be read in ClickHouse, in seconds since 1970.")
	writeErrors = describe("leadline_write_errors_total", "Tries to write a batch that failed; each is followed by another.")
	writeAside  = describe("leadline_write_batches_aside", "Batches that ClickHouse refuses, kept on disk and tried again ever more rarely.")

	spoolFill    = describe("leadline_spool_fill_ratio", "Used share of the spool's room, 0 to 1.")
	spoolUsed    = describe("leadline_spool_used_bytes", "Bytes of records that ClickHouse does not have yet.")
	spoolWaiting = describe("leadline_spool_waiting_records", "Records that ClickHouse does not have yet.")
	spoolAge     = describe("leadline_spool_oldest_age_seconds", "Age of the oldest record that ClickHouse does not have; 0 without one.")
	dedupKeys    = describe("leadline_dedup_keys", "Keys of events that are remembered to find duplicates.")
	dedupMemory  = describe("leadline_dedup_memory_bytes", "Memory of those keys.")
	dedupWindow  = describe("leadline_dedup_window_seconds", "For so long a key is remembered at present.")

	engineUp       = describe("leadline_engine_up", "1 while the embedded ClickHouse answers, else 0.")
	engineStart    = describe("leadline_engine_start_time_seconds", "Since when the embedded ClickHouse answers, in seconds since 1970; absent while it does not.")
	engineRestarts = describe("leadline_engine_restarts_total", "Restarts of the embedded ClickHouse, by how it had ended: exit, fatal or the name of a signal.", "reason")
	engineRefused  = describe("leadline_engine_refused_connections_total", "Connections that the engine's guard ended, by guard and reason.", "guard", "reason")

	ruleEvaluations = describe("leadline_rule_evaluations_total", "Evaluations that were kept, by group of rules.", "group")
	ruleMissed      = describe("leadline_rule_missed_slots_total", "Slots that nobody evaluated, by group of rules.", "group")
	ruleLastSlot    = describe("leadline_rule_last_slot_timestamp_seconds", "Newest slot that was evaluated and kept, in seconds since 1970, by group of rules; absent before the first.", "group")
	ruleDuration    = describe("leadline_rule_last_duration_seconds", "Time that the newest evaluation took, by group of rules.", "group")
	ruleFailing     = describe("leadline_rules_failing", "Rules whose newest evaluation failed, by group.", "group")
	ruleWaiting     = describe("leadline_rule_group_waiting", "1 while the group's next slot waits for events to get into ClickHouse, else 0.", "group")
	ruleBlind       = describe("leadline_rule_group_blind_slots", "Slots in a row in which no rule of the group got an answer, by group.", "group")
	ruleInstances   = describe("leadline_rule_instances", "Instances of rules, by group and state: ok, pending, firing or no_data.", "group", "state")
	ruleDropped     = describe("leadline_rule_group_failing", "1 while the group's newest evaluation could not be kept, else 0.", "group")

	reloadOK   = describe("leadline_config_last_reload_successful", "1 while the rules in force are those of the files, 0 while the files have mistakes.")
	reloadTime = describe("leadline_config_last_reload_success_timestamp_seconds", "When the rules in force were read, in seconds since 1970.")

	heartbeats    = describe("leadline_heartbeats_total", "Heartbeats, by result: sent, failed, or withheld because rules are not evaluated (blind) or a page is not delivered (mute).", "result")
	heartbeatTime = describe("leadline_heartbeat_last_timestamp_seconds", "When the newest heartbeat was taken, in seconds since 1970; absent before the first.")
)

// watched collects the numbers of Sources.
type watched struct{ Sources }

// Describe is that of prometheus.Collector.
func (w *watched) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		intakeItems, writeErrors, writeAside,
		spoolFill, spoolUsed, spoolWaiting, spoolAge, dedupKeys, dedupMemory, dedupWindow,
		engineUp, engineStart, engineRestarts, engineRefused,
		ruleEvaluations, ruleMissed, ruleLastSlot, ruleDuration, ruleFailing, ruleDropped,
		ruleWaiting, ruleBlind, ruleInstances, watermark, reloadOK, reloadTime, heartbeats, heartbeatTime,
	} {
		ch <- d
	}
}

// Collect is that of prometheus.Collector.
func (w *watched) Collect(ch chan<- prometheus.Metric) {
	to := sink(ch)
	p := w.Pipeline.Stats()
	to.counter(intakeItems, float64(p.Accepted), "accepted")
	to.counter(intakeItems, float64(p.Duplicates), "duplicate")
	to.counter(intakeItems, float64(p.Rejected), "rejected")
	to.counter(writeErrors, float64(p.Retries))
	to.gauge(writeAside, float64(p.Aside))

	to.gauge(spoolFill, w.Spool.Fill())
	to.gauge(spoolUsed, float64(w.Spool.Used()))
	to.gauge(spoolWaiting, float64(w.Spool.Waiting()))
	to.gauge(spoolAge, w.Spool.OldestAge().Seconds())
	to.gauge(dedupKeys, float64(w.Spool.KeyCount()))
	to.gauge(dedupMemory, float64(w.Spool.Memory()))
	to.gauge(dedupWindow, w.Spool.Window().Seconds())

	if w.Engine != nil {
		to.engine(w.Engine.Health())
	}
	to.gauge(watermark, unix(p.Watermark))
	for _, g := range w.Rules.Status() {
		to.group(&g)
	}
	r := w.Reload.Status()
	to.gauge(reloadOK, flag(r.OK))
	to.gauge(reloadTime, unix(r.Last))
	if w.Heartbeat != nil {
		to.heartbeat(w.Heartbeat.Status())
	}
}

type sink chan<- prometheus.Metric

func (s sink) counter(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (s sink) engine(h engine.Health) {
	if h.Since.IsZero() {
		s.gauge(engineUp, 0)
	} else {
		s.gauge(engineUp, 1)
		s.gauge(engineStart, unix(h.Since))
	}
	restarts := map[string]int64{"exit": 0, "fatal": 0, "SIGKILL": 0} // rate() needs a zero before the first one
	maps.Copy(restarts, h.Restarts)
	for reason, n := range restarts {
		s.counter(engineRestarts, float64(n), reason)
	}
	for _, r := range h.Refused {
		s.counter(engineRefused, float64(r.Count), r.Guard, r.Reason)
	}
}

func (s sink) group(g *rules.GroupStatus) {
	s.counter(ruleEvaluations, float64(g.Evaluations), g.Name)
	s.counter(ruleMissed, float64(g.Missed), g.Name)
	if !g.LastSlot.IsZero() {
		s.gauge(ruleLastSlot, unix(g.LastSlot), g.Name)
	}
	s.gauge(ruleDuration, g.Duration.Seconds(), g.Name)
	failing := 0
	for _, r := range g.Rules {
		if r.Error != "" {
			failing++
		}
	}
	s.gauge(ruleFailing, float64(failing), g.Name)
	s.gauge(ruleDropped, flag(g.Error != ""), g.Name)
	s.gauge(ruleWaiting, flag(g.Waiting), g.Name)
	s.gauge(ruleBlind, float64(g.Blind), g.Name)
	for _, state := range []leadline.State{leadline.StateOK, leadline.StatePending, leadline.StateFiring, leadline.StateNoData} {
		n := 0
		for _, r := range g.Rules {
			n += r.Instances[state]
		}
		s.gauge(ruleInstances, float64(n), g.Name, string(state))
	}
}

func (s sink) heartbeat(h Heartbeat) {
	s.counter(heartbeats, float64(h.Sent), "sent")
	s.counter(heartbeats, float64(h.Failed), "failed")
	s.counter(heartbeats, float64(h.Blind), "blind")
	s.counter(heartbeats, float64(h.Mute), "mute")
	if !h.Last.IsZero() {
		s.gauge(heartbeatTime, unix(h.Last))
	}
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

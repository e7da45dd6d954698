package leadline

import "time"

// IncidentState is where an incident stands.
type IncidentState string

// The states of an incident.
const (
	IncidentOpen     IncidentState = "open"
	IncidentAcked    IncidentState = "acked"
	IncidentResolved IncidentState = "resolved"
)

// Incident is what people work on: the alerts of one rule, from the first that fires to the last that resolves.
type Incident struct {
	ID         int64             `json:"id"`  // counts from 1; shown as INC-1
	Key        string            `json:"key"` // one open incident a key: the group's and rule's name
	Group      string            `json:"group"`
	Rule       string            `json:"rule"`
	State      IncidentState     `json:"state"`
	Severity   string            `json:"severity"`
	Labels     Labels            `json:"labels"`      // of the rule, such as team
	Texts      map[string]string `json:"annotations"` // newest rendered annotations
	Alerts     []Alert           `json:"alerts"`
	StartedAt  time.Time         `json:"started_at"` // first slot that was bad
	OpenedAt   time.Time         `json:"opened_at"`  // detected
	NotifiedAt time.Time         `json:"notified_at,omitzero"`
	AckedAt    time.Time         `json:"acked_at,omitzero"`
	AckedBy    string            `json:"acked_by,omitempty"`
	ResolvedAt time.Time         `json:"resolved_at,omitzero"`
	ResolvedBy string            `json:"resolved_by,omitempty"` // "" where the data recovered by itself
	OnCall     Person            `json:"on_call"`               // when it opened
	Verdict    *Verdict          `json:"verdict,omitempty"`
	Revision   int64             `json:"revision"` // raised by every change that a message shows
}

// Alert is one firing instance inside an incident.
type Alert struct {
	Labels     Labels             `json:"labels"`
	State      State              `json:"state"` // firing, no_data or ok
	Severity   string             `json:"severity"`
	Values     map[string]float64 `json:"values"`
	Since      time.Time          `json:"since"`
	ResolvedAt time.Time          `json:"resolved_at,omitzero"`
}

// Person is somebody who can be on call. TelegramID is 0 where not linked.
type Person struct {
	Name       string `json:"name"`
	TelegramID int64  `json:"telegram_id,omitempty"`
}

// Verdict says where the slow events spend their time that normal events do not, and whom it hits.
type Verdict struct {
	From       time.Time    `json:"from"` // the slow window
	To         time.Time    `json:"to"`
	BaseFrom   time.Time    `json:"base_from"` // the normal window before it
	BaseTo     time.Time    `json:"base_to"`
	Events     int64        `json:"events"` // in the slow window
	Slow       int64        `json:"slow"`   // of them, those at or above its P95
	P95MS      float64      `json:"p95_ms"`
	BaseP95MS  float64      `json:"base_p95_ms"`
	Stages     []StageShare `json:"stages"` // largest share first; shares sum to 1
	Partners   []Affected   `json:"partners"`
	Campaigns  []Affected   `json:"campaigns"`
	Incomplete string       `json:"incomplete,omitempty"` // why nothing more could be said
}

// StageShare is one stage's part of the slow-down.
type StageShare struct {
	Stage  string  `json:"stage"`
	BaseMS float64 `json:"base_ms"` // mean time on the way of a normal event
	NowMS  float64 `json:"now_ms"`  // mean time on the way of a slow event
	Share  float64 `json:"share"`   // of the sum of all differences
}

// Affected counts the slow events of one partner or campaign.
type Affected struct {
	Name   string `json:"name"`
	Slow   int64  `json:"slow"`
	Events int64  `json:"events"`
}

// Bottleneck is the stage with the largest share, if there is one.
func (v *Verdict) Bottleneck() (StageShare, bool) {
	if v == nil || len(v.Stages) == 0 || v.Stages[0].Share <= 0 {
		return StageShare{}, false
	}
	return v.Stages[0], true
}

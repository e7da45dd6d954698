package oncall

import (
	"errors"
	"maps"
	"slices"

	"leadline"
)

// Target is a chat, or a topic of one, that is told of incidents.
type Target struct {
	Chat   int64 // Telegram's id; groups and channels are negative
	Thread int   // forum topic, 0 for none
}

// Chats are the targets by the name that the configuration gives them.
type Chats map[string]Target

// labelTeam is the rule label that names the chat and the schedule.
const labelTeam = "team"

// Route says who is told of an incident whose rule has these labels: the chat named by the label team if there is such
// a chat, else the one named ops, else all. It is an error if there is no chat at all.
func (c Chats) Route(labels leadline.Labels) ([]Target, error) {
	targets := choose(c, labels)
	if len(targets) == 0 {
		return nil, errors.New("nobody can be told of incidents: name a chat under telegram.chats")
	}
	return targets, nil
}

// ScheduleOf is the schedule for incidents whose rule has these labels, if there is any: the one named by the label team,
// else the one named ops, else the first by name.
func ScheduleOf(all []Schedule, labels leadline.Labels) (Schedule, bool) {
	byName := make(map[string]Schedule, len(all))
	for _, s := range all {
		byName[s.Name] = s
	}
	chosen := choose(byName, labels)
	if len(chosen) == 0 {
		return Schedule{}, false
	}
	return chosen[0], true
}

// choose picks by the label team, else by the name ops, else takes all, ordered by name.
func choose[T any](byName map[string]T, labels leadline.Labels) []T {
	for _, name := range []string{labels[labelTeam], "ops"} {
		if one, ok := byName[name]; ok {
			return []T{one}
		}
	}
	return sorted(byName)
}

func sorted[T any](byName map[string]T) []T {
	var all []T
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, byName[name])
	}
	return all
}

package state

import (
	"encoding/json"
	"fmt"

	"leadline"
)

// Instances are all instances of a rule group, ordered by rule and labels.
func (t *Tx) Instances(group string) ([]leadline.Instance, error) {
	return list(t, "instances", body[leadline.Instance],
		"SELECT body FROM instances WHERE group_name = ? ORDER BY rule, labels", group)
}

// PutInstance keeps an instance in place of the one with its identity. Its values must be finite.
func (t *Tx) PutInstance(i leadline.Instance) error {
	text, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("state: instance of %s/%s: %w", i.Group, i.Rule, err)
	}
	return t.exec("put instance", "INSERT OR REPLACE INTO instances (group_name, rule, labels, body) VALUES (?, ?, ?, ?)",
		i.Group, i.Rule, i.Labels.Key(), string(text))
}

// DeleteInstance forgets an instance, if it is there.
func (t *Tx) DeleteInstance(i leadline.Instance) error {
	return t.exec("delete instance", "DELETE FROM instances WHERE group_name = ? AND rule = ? AND labels = ?",
		i.Group, i.Rule, i.Labels.Key())
}

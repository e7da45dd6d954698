package state

import (
	"leadline"
)

// PutSlot keeps the newest slot of a rule group and what the group said then.
func (t *Tx) PutSlot(s leadline.GroupSlot) error {
	return t.exec("put slot", "INSERT OR REPLACE INTO group_slots (group_name, slot, spec) VALUES (?, ?, ?)", s.Group, micros(s.Slot), s.Spec)
}

// DeleteSlot forgets a rule group, if it is there.
func (t *Tx) DeleteSlot(group string) error {
	return t.exec("delete slot", "DELETE FROM group_slots WHERE group_name = ?", group)
}

// Slots are those of all rule groups that are known, ordered by name.
func (t *Tx) Slots() ([]leadline.GroupSlot, error) {
	return list(t, "slots", func(row interface{ Scan(...any) error }) (s leadline.GroupSlot, err error) {
		var us int64
		err = row.Scan(&s.Group, &us, &s.Spec)
		s.Slot = moment(us)
		return s, err
	}, "SELECT group_name, slot, spec FROM group_slots ORDER BY group_name")
}

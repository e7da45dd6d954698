-- An instance at rest is written once, not at every slot: the newest slot stands here, once a group.
CREATE TABLE group_slots (
  group_name TEXT PRIMARY KEY,
  slot       INTEGER NOT NULL, -- 0: not newer than those of its instances
  spec       TEXT NOT NULL     -- hash of what the group said then, '' where not known
) WITHOUT ROWID, STRICT;
INSERT INTO group_slots (group_name, slot, spec) SELECT DISTINCT group_name, 0, '' FROM instances;

CREATE TABLE instances (
  group_name TEXT NOT NULL,
  rule       TEXT NOT NULL,
  labels     TEXT NOT NULL, -- leadline.Labels.Key
  body       TEXT NOT NULL, -- leadline.Instance as JSON
  PRIMARY KEY (group_name, rule, labels)
) WITHOUT ROWID, STRICT;

CREATE TABLE incidents (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  key         TEXT NOT NULL,
  state       TEXT NOT NULL,
  page        INTEGER NOT NULL, -- 1 where the severity is page
  opened_at   INTEGER NOT NULL,
  resolved_at INTEGER NOT NULL, -- 0 while it is not
  body        TEXT NOT NULL     -- leadline.Incident as JSON
) STRICT;
CREATE UNIQUE INDEX incidents_one_open ON incidents (key) WHERE state <> 'resolved';
CREATE INDEX incidents_by_key ON incidents (key, id);
CREATE INDEX incidents_by_time ON incidents (opened_at);

CREATE TABLE incident_log (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  at       INTEGER NOT NULL,
  incident INTEGER NOT NULL, -- 0 where it belongs to none
  kind     TEXT NOT NULL,
  actor    TEXT NOT NULL,
  channel  TEXT NOT NULL,
  body     TEXT NOT NULL
) STRICT;
CREATE INDEX incident_log_by_incident ON incident_log (incident, id);
CREATE TRIGGER incident_log_keeps BEFORE UPDATE ON incident_log
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;

CREATE TABLE timers (
  incident INTEGER NOT NULL REFERENCES incidents (id),
  kind     TEXT NOT NULL,
  due      INTEGER NOT NULL,
  PRIMARY KEY (incident, kind)
) WITHOUT ROWID, STRICT;
CREATE INDEX timers_due ON timers (due);

CREATE TABLE deliveries (
  incident         INTEGER NOT NULL REFERENCES incidents (id),
  chat             INTEGER NOT NULL,
  thread           INTEGER NOT NULL,
  ref              TEXT    NOT NULL,    -- the living message, '' while there is none
  wanted_revision  INTEGER NOT NULL,
  sent_revision    INTEGER NOT NULL,
  attempts         INTEGER NOT NULL, -- failures in a row
  not_before       INTEGER NOT NULL,
  sending_since    INTEGER NOT NULL, -- 0 where no send is under way
  sending_revision INTEGER NOT NULL, -- of the send under way
  maybe            INTEGER NOT NULL, -- 1 where a send had an unknown outcome and no ref came of it
  dead             INTEGER NOT NULL,
  last_error       TEXT    NOT NULL,
  PRIMARY KEY (incident, chat)
) WITHOUT ROWID, STRICT;
CREATE INDEX deliveries_waiting ON deliveries (not_before) WHERE dead = 0 AND wanted_revision > sent_revision;

CREATE TABLE chat_moves (
  was INTEGER PRIMARY KEY,
  now INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
  id            TEXT PRIMARY KEY,
  hash          BLOB NOT NULL, -- SHA-256 of the secret
  partner       TEXT NOT NULL,
  scopes        TEXT NOT NULL, -- JSON array
  note          TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  revoked_at    INTEGER NOT NULL, -- 0 while it lives
  last_used_day TEXT NOT NULL     -- 2026-11-21, '' where never
) WITHOUT ROWID, STRICT;

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID, STRICT;

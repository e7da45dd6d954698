CREATE TABLE suppressed (
  partner  TEXT NOT NULL,
  lead_key TEXT NOT NULL,
  since    INTEGER NOT NULL,
  PRIMARY KEY (partner, lead_key)
) WITHOUT ROWID, STRICT;

CREATE TABLE erasures (
  id           TEXT PRIMARY KEY,
  partner      TEXT NOT NULL,
  lead_key     TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  finished_at  INTEGER NOT NULL, -- 0 while it is not
  events       INTEGER NOT NULL, -- rows deleted
  rejected     INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX erasures_pending ON erasures (requested_at) WHERE finished_at = 0;

-- The lane of an event, and the lead of a rejected item, by which it is found when the lead is erased.
--
-- On a cluster the plain name is a Distributed table with columns of its own; on one server both statements name the
-- same table and the second finds its work done.
--
-- The views get the lane, and all_spans a parent_stage that is as long as stage for an event without stages too: one such
-- event made every query of the view fail.

ALTER TABLE events{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS lane LowCardinality(String) COMMENT 'overflow: the partner had sent more than its share while ClickHouse was behind, so the event waited for others. Else empty' AFTER source;

ALTER TABLE events {on_cluster}
    ADD COLUMN IF NOT EXISTS lane LowCardinality(String) COMMENT 'overflow: the partner had sent more than its share while ClickHouse was behind, so the event waited for others. Else empty' AFTER source;

ALTER TABLE rejected{local} {on_cluster}
    ADD COLUMN IF NOT EXISTS lead_key String COMMENT 'Keyed hash of the chat id, as in events; empty where it could not be read' AFTER source;

ALTER TABLE rejected {on_cluster}
    ADD COLUMN IF NOT EXISTS lead_key String COMMENT 'Keyed hash of the chat id, as in events; empty where it could not be read' AFTER source;

CREATE OR REPLACE VIEW journeys {on_cluster}
(
    minute      DateTime('UTC')               COMMENT 'Minute of stored_at',
    stored_at   DateTime64(6, 'UTC')          COMMENT 'When the event was complete',
    received_at DateTime64(6, 'UTC')          COMMENT 'First byte handled',
    id          String                        COMMENT 'The sender''s id, unique within the partner',
    trace_id    FixedString(16)               COMMENT 'W3C trace id, 16 bytes',
    partner     LowCardinality(String)        COMMENT 'Owner of the API key',
    bot         LowCardinality(String)        COMMENT 'Bot or integration of the partner',
    campaign    LowCardinality(String)        COMMENT 'Campaign that the lead came from',
    type        LowCardinality(String)        COMMENT 'Event type',
    lane        LowCardinality(String)        COMMENT 'overflow where its partner had sent more than its share; else empty',
    country     LowCardinality(String)        COMMENT 'ISO 3166-1 alpha-2; empty where not known',
    outcome     LowCardinality(String)        COMMENT 'What the qualify stage said',
    e2e_us      UInt64                        COMMENT 'End to end in microseconds',
    e2e_ms      Float64                       COMMENT 'End to end in milliseconds',
    stage       Array(LowCardinality(String)) COMMENT 'Stages in their order; the next four run parallel to it',
    segment_us  Array(UInt64)                 COMMENT 'Wait + duration of each stage; they add up to e2e_us',
    wait_us     Array(UInt64)                 COMMENT 'Microseconds that the event waited before each stage',
    duration_us Array(UInt64)                 COMMENT 'Microseconds that it spent inside each stage',
    status      Array(LowCardinality(String)) COMMENT 'How each stage ended',
    worst       LowCardinality(String)        COMMENT 'ok, or the first status that is not ok'
)
AS SELECT
    minute,
    stored_at,
    received_at,
    id,
    trace_id,
    partner,
    bot,
    campaign,
    type,
    lane,
    country,
    outcome,
    e2e_us,
    e2e_us / 1000 AS e2e_ms,
    stage,
    arrayMap((w, d) -> w + d, wait_us, duration_us) AS segment_us,
    wait_us,
    duration_us,
    status,
    if(arrayExists(s -> s != 'ok', status), arrayFirst(s -> s != 'ok', status), 'ok') AS worst
FROM events
COMMENT 'One row an event: the way it took through the stages, and where its time went';

CREATE OR REPLACE VIEW all_spans {on_cluster}
(
    minute       DateTime('UTC')        COMMENT 'Minute of stored_at',
    stored_at    DateTime64(6, 'UTC')   COMMENT 'When the event was complete',
    start        DateTime64(6, 'UTC')   COMMENT 'When the stage began to work; its wait lies before',
    trace_id     FixedString(16)        COMMENT 'W3C trace id, 16 bytes',
    id           String                 COMMENT 'The event''s id, unique within the partner',
    stage        LowCardinality(String) COMMENT 'Stage',
    parent_stage LowCardinality(String) COMMENT 'Stage before it; empty for the first',
    service      LowCardinality(String) COMMENT 'Who reported it: leadline',
    partner      LowCardinality(String) COMMENT 'Owner of the API key',
    bot          LowCardinality(String) COMMENT 'Bot or integration of the partner',
    campaign     LowCardinality(String) COMMENT 'Campaign that the lead came from',
    type         LowCardinality(String) COMMENT 'Event type',
    lane         LowCardinality(String) COMMENT 'overflow where the partner had sent more than its share; else empty',
    country      LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2; empty where not known',
    wait_us      UInt64                 COMMENT 'Microseconds that the event waited before the stage',
    duration_us  UInt64                 COMMENT 'Microseconds that it spent inside the stage',
    total_us     UInt64                 COMMENT 'wait_us + duration_us',
    wait_ms      Float64                COMMENT 'wait_us in milliseconds',
    duration_ms  Float64                COMMENT 'duration_us in milliseconds',
    total_ms     Float64                COMMENT 'total_us in milliseconds',
    status       LowCardinality(String) COMMENT 'How the stage ended: ok, error, timeout or skipped'
)
AS SELECT
    minute,
    stored_at,
    addMicroseconds(received_at, end_us - span_duration_us) AS start,
    trace_id,
    id,
    span_stage AS stage,
    parent_stage,
    'leadline' AS service,
    partner,
    bot,
    campaign,
    type,
    lane,
    country,
    span_wait_us AS wait_us,
    span_duration_us AS duration_us,
    span_wait_us + span_duration_us AS total_us,
    span_wait_us / 1000 AS wait_ms,
    span_duration_us / 1000 AS duration_ms,
    (span_wait_us + span_duration_us) / 1000 AS total_ms,
    span_status AS status
FROM events
ARRAY JOIN
    stage AS span_stage,
    arrayPopBack(arrayPushFront(stage, '')) AS parent_stage,
    wait_us AS span_wait_us,
    duration_us AS span_duration_us,
    arrayCumSum((w, d) -> w + d, wait_us, duration_us) AS end_us,
    status AS span_status
COMMENT 'One row for each stage of each event, as tracing tools expect it';

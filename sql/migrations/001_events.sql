-- Events: one wide row each, with the business facts, the payload and the stages that it passed.
--
-- The key begins with the minute because alerts, dashboards and reports ask for a span of time first, and because an
-- event's neighbours in time compress it best. Partitions are by received_at, which is spooled and stays the same when
-- a batch is sent again: deduplication works per partition, so a retry after midnight has to meet its own.

CREATE TABLE IF NOT EXISTS events{local} {on_cluster}
(
    minute      DateTime('UTC') COMMENT 'Minute of stored_at: first in the key, so a filter on it reads only that span of time',
    stored_at   DateTime64(6, 'UTC') COMMENT 'When the event left for ClickHouse: received_at + e2e_us. The time axis of every rule, because an event counts when it completes' CODEC(Delta, T64('bit'), ZSTD(1)),
    received_at DateTime64(6, 'UTC') COMMENT 'First byte handled' CODEC(Delta, T64('bit'), ZSTD(1)),
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened by the sender''s clock, corrected by sent_at where that was given' CODEC(Delta, T64('bit'), ZSTD(1)),
    sent_at     DateTime64(3, 'UTC') COMMENT 'When the sender sent it by its own clock; 1970-01-01 means not given' CODEC(Delta, T64('bit'), ZSTD(1)),
    partner     LowCardinality(String) COMMENT 'Owner of the API key',
    bot         LowCardinality(String) COMMENT 'Bot or integration of the partner',
    campaign    LowCardinality(String) COMMENT 'Campaign that the lead came from',
    type        LowCardinality(String) COMMENT 'Event type, dotted, such as lead.qualified',
    schema      LowCardinality(String) COMMENT 'Schema that it was checked by: name/major',
    source      LowCardinality(String) COMMENT 'Door that it came through: events or telegram',
    country     LowCardinality(String) COMMENT 'ISO 3166-1 alpha-2 of the lead''s address; empty where not known',
    locale      LowCardinality(String) COMMENT 'BCP 47 language of the lead; empty where not given',
    outcome     LowCardinality(String) COMMENT 'What the qualify stage said, such as qualified',
    id          String COMMENT 'The sender''s id, unique within the partner',
    trace_id    FixedString(16) COMMENT 'W3C trace id, 16 bytes: show it with lower(hex(trace_id)). From traceparent, else the first half of SHA-256(partner, 0, id)',
    lead_key    String COMMENT 'Keyed hash of the chat id: the same lead of the same partner has the same key; empty without a lead',
    ip_prefix   String COMMENT 'Network of the lead''s address, masked to /24 or /48; empty where not given',
    attempt     UInt8 COMMENT 'The sender''s count of tries, 1 for the first',
    warnings    Array(LowCardinality(String)) COMMENT 'Codes of the remarks that the receipt carried',
    payload     String COMMENT 'The business payload, a JSON object',
    stage       Array(LowCardinality(String)) COMMENT 'Stages in their order; wait_us, duration_us and status run parallel to it',
    wait_us     Array(UInt64) COMMENT 'Microseconds that the event waited before each stage' CODEC(T64, ZSTD(1)),
    duration_us Array(UInt64) COMMENT 'Microseconds that it spent inside each stage' CODEC(T64, ZSTD(1)),
    status      Array(LowCardinality(String)) COMMENT 'How each stage ended: ok, error, timeout or skipped',
    e2e_us      UInt64 COMMENT 'End to end in microseconds: the sum of wait_us and duration_us, and stored_at - received_at' CODEC(T64, ZSTD(1)),
    host        LowCardinality(String) COMMENT 'Leadline host that stored it',
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'ClickHouse''s clock when the row arrived',

    INDEX id_bloom          id          TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX trace_id_bloom    trace_id    TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX stored_at_range   stored_at   TYPE minmax              GRANULARITY 1,
    INDEX received_at_range received_at TYPE minmax              GRANULARITY 1
)
ENGINE = {engine}
PARTITION BY toDate(received_at)
ORDER BY (minute, partner, campaign, received_at)
TTL toDateTime(received_at) + INTERVAL 90 DAY
SETTINGS
    default_compression_codec = 'ZSTD(1)',
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
COMMENT 'Accepted events, one wide row each: business facts, payload, and the stages that it passed as parallel arrays';

CREATE TABLE IF NOT EXISTS events {on_cluster} AS events_local
ENGINE = Distributed({cluster}, currentDatabase(), events_local, sipHash64(trace_id))
COMMENT 'Accepted events of all shards; the rows are in events_local';

CREATE VIEW IF NOT EXISTS journeys {on_cluster}
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

CREATE VIEW IF NOT EXISTS all_spans {on_cluster}
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
    arrayPushFront(arrayPopBack(stage), '') AS parent_stage,
    wait_us AS span_wait_us,
    duration_us AS span_duration_us,
    arrayCumSum((w, d) -> w + d, wait_us, duration_us) AS end_us,
    status AS span_status
COMMENT 'One row for each stage of each event, as tracing tools expect it';

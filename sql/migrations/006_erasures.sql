-- Erasures: how many events were deleted when a lead was erased. The rollups hold no lead and keep counting those events,
-- so whoever compares them with the events has to know. A row names no lead either.

CREATE TABLE IF NOT EXISTS erasures{local} {on_cluster}
(
    minute    DateTime('UTC') COMMENT 'Minute of stored_at of the erased events',
    day       Date COMMENT 'Day of their received_at',
    partner   LowCardinality(String) COMMENT 'Owner of the API key',
    events    UInt64 COMMENT 'How many were deleted' CODEC(T64, ZSTD(1)),
    erased_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When'
)
ENGINE = {engine}
PARTITION BY toYYYYMM(day)
ORDER BY (day, minute, partner)
TTL day + INTERVAL 400 DAY
SETTINGS
    default_compression_codec = 'ZSTD(1)',
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
COMMENT 'Events that were deleted because their lead was erased: how many, of which minute and partner';

CREATE TABLE IF NOT EXISTS erasures {on_cluster} AS erasures_local
ENGINE = Distributed({cluster}, currentDatabase(), erasures_local, sipHash64(partner))
COMMENT 'Erased events of all shards; the rows are in erasures_local';

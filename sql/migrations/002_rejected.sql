-- Rejected: items that were acknowledged as "drop". They are kept for inspection and replay and are never events.

CREATE TABLE IF NOT EXISTS rejected{local} {on_cluster}
(
    received_at   DateTime64(6, 'UTC') COMMENT 'First byte handled' CODEC(Delta, T64('bit'), ZSTD(1)),
    partner       LowCardinality(String) COMMENT 'Owner of the API key',
    bot           LowCardinality(String) COMMENT 'Bot or integration of the partner; empty where it could not be read',
    id            String COMMENT 'The sender''s id; empty where it could not be read',
    type          LowCardinality(String) COMMENT 'Event type; empty where it could not be read',
    schema        LowCardinality(String) COMMENT 'Schema that it was checked by; empty where there is none',
    source        LowCardinality(String) COMMENT 'Door that it came through: events or telegram',
    code          LowCardinality(String) COMMENT 'Why, such as schema_violation',

    `violations.pointer`  Array(String) COMMENT 'JSON Pointer of each value that breaks the schema',
    `violations.rule`     Array(LowCardinality(String)) COMMENT 'The schema keyword that it breaks, such as maximum',
    `violations.expected` Array(String) COMMENT 'What the keyword asks for',
    `violations.got`      Array(String) COMMENT 'What was there, cut to 64 bytes',
    `violations.nearest`  Array(String) COMMENT 'A known name close to an unknown field''s; empty where there is none',

    payload       String COMMENT 'The item as it came, at most 64 KiB of it',
    payload_bytes UInt32 COMMENT 'Length of payload' CODEC(T64, ZSTD(1)),
    inserted_at   DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'ClickHouse''s clock when the row arrived',

    INDEX id_bloom id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {engine}
PARTITION BY toDate(received_at)
ORDER BY (received_at, partner, code)
TTL toDateTime(received_at) + INTERVAL 14 DAY
SETTINGS
    default_compression_codec = 'ZSTD(1)',
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
COMMENT 'Items acknowledged as "drop", with what is wrong with each';

CREATE TABLE IF NOT EXISTS rejected {on_cluster} AS rejected_local
ENGINE = Distributed({cluster}, currentDatabase(), rejected_local, sipHash64(id, payload))
COMMENT 'Rejected items of all shards; the rows are in rejected_local';

-- Resources: what each Leadline and the machine below it used, one wide row a sample. It answers at once, without another
-- system, whether a slow hour was a full disk, a busy processor or the events themselves.

CREATE TABLE IF NOT EXISTS resources{local} {on_cluster}
(
    at            DateTime64(3, 'UTC') COMMENT 'End of the interval that the row is about' CODEC(Delta, ZSTD(1)),
    host          LowCardinality(String) COMMENT 'Leadline host',
    interval_s    Float32 COMMENT 'Seconds since the sample before',
    cpu           Float32 COMMENT 'Cores that Leadline used',
    engine_cpu    Float32 COMMENT 'Cores that the embedded ClickHouse used; 0 with another ClickHouse',
    machine_cpu   Float32 COMMENT 'Share of all cores that was busy, 0 to 1',
    rss           UInt64 COMMENT 'Resident memory of Leadline in bytes' CODEC(T64, ZSTD(1)),
    engine_rss    UInt64 COMMENT 'Resident memory of the embedded ClickHouse in bytes' CODEC(T64, ZSTD(1)),
    heap          UInt64 COMMENT 'Bytes of live objects and of garbage not yet swept' CODEC(T64, ZSTD(1)),
    gc_pause_us   UInt64 COMMENT 'Microseconds that garbage collection stopped Leadline in the interval' CODEC(T64, ZSTD(1)),
    goroutines    UInt32 COMMENT 'Goroutines' CODEC(T64, ZSTD(1)),
    open_files    UInt32 COMMENT 'Open file descriptors of Leadline' CODEC(T64, ZSTD(1)),
    spool_bytes   UInt64 COMMENT 'Bytes in the spool that ClickHouse does not have' CODEC(T64, ZSTD(1)),
    spool_fill    Float32 COMMENT 'How full the spool was, 0 to 1',
    spool_lag_us  UInt64 COMMENT 'Age of the oldest event that ClickHouse did not have, in microseconds' CODEC(T64, ZSTD(1)),
    disk_free     UInt64 COMMENT 'Bytes free on the file system of the data folder' CODEC(T64, ZSTD(1)),
    disk_read     UInt64 COMMENT 'Bytes that Leadline read from disk in the interval' CODEC(T64, ZSTD(1)),
    disk_write    UInt64 COMMENT 'Bytes that it wrote to disk in the interval' CODEC(T64, ZSTD(1)),
    net_in        UInt64 COMMENT 'Bytes that the machine received in the interval, loopback included' CODEC(T64, ZSTD(1)),
    net_out       UInt64 COMMENT 'Bytes that it sent in the interval, loopback included' CODEC(T64, ZSTD(1))
)
ENGINE = {engine}
PARTITION BY toDate(at)
ORDER BY (at, host)
TTL toDateTime(at) + INTERVAL 35 DAY
SETTINGS
    default_compression_codec = 'ZSTD(1)',
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
COMMENT 'What each Leadline and the machine below it used: one row a sample';

CREATE TABLE IF NOT EXISTS resources {on_cluster} AS resources_local
ENGINE = Distributed({cluster}, currentDatabase(), resources_local, sipHash64(host))
COMMENT 'Resources used, of all shards; the rows are in resources_local';

-- Latency: what each batch of events took, stage by stage, counted by Leadline while the batch is frozen and inserted
-- under the batch's token. No materialized view, so a batch that is sent again has nothing to count twice.
--
-- A row is a histogram with 32 buckets an octave of microseconds. Bucket b holds
--     [b, b + 1) below 64, and above, with e = intDiv(b, 32) - 1:  [(b - 32 * e) << e, (b - 32 * e + 1) << e)
-- so the middle of a bucket is within 1/64 of every time in it. Rows of one key add up: before the parts are merged a
-- query must sum them itself, with sum(events) and sumMap(histogram).
--
-- Partitions are by the day of received_at, which is spooled: deduplication works per partition, and a batch that is
-- tried again after midnight, when its minutes have moved on, has to meet its first try. Shards are by partner and
-- campaign for the same reason: a try that moved to another shard would be counted there again.
--
-- AggregatingMergeTree with sumMap over a Map, because SummingMergeTree with a nested ...Map of two arrays took three
-- times as long to query (4 million buckets in 35,000 rows: 310 ms against 100 ms) and twice as long to merge; inserts
-- cost the same, and it is 1.3 bytes a bucket against 1.1.

CREATE TABLE IF NOT EXISTS latency_1m{local} {on_cluster}
(
    minute      DateTime('UTC') COMMENT 'Minute of stored_at' CODEC(Delta, ZSTD(1)),
    stage       LowCardinality(String) COMMENT 'Stage, or e2e for the whole way',
    partner     LowCardinality(String) COMMENT 'Owner of the API key',
    campaign    LowCardinality(String) COMMENT 'Campaign that the lead came from',
    day         Date COMMENT 'Day of received_at: the partition',
    events      SimpleAggregateFunction(sum, UInt64) COMMENT 'How many events passed the stage' CODEC(T64, ZSTD(1)),
    failed      SimpleAggregateFunction(sum, UInt64) COMMENT 'How many of them it did not end ok for; for e2e, those with such a stage' CODEC(T64, ZSTD(1)),
    wait_us     SimpleAggregateFunction(sum, UInt64) COMMENT 'Microseconds that they waited before it, in sum' CODEC(T64, ZSTD(1)),
    duration_us SimpleAggregateFunction(sum, UInt64) COMMENT 'Microseconds that they spent inside it, in sum' CODEC(T64, ZSTD(1)),
    histogram   SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) COMMENT 'How many took how long, wait and work together: bucket, events' CODEC(Delta(2), ZSTD(1))
)
ENGINE = {engine:Aggregating}
PARTITION BY day
ORDER BY (minute, stage, partner, campaign, day)
TTL day + INTERVAL 35 DAY
SETTINGS
    default_compression_codec = 'ZSTD(1)',
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
COMMENT 'How long each stage took, by minute, partner and campaign, as histograms';

CREATE TABLE IF NOT EXISTS latency_1m {on_cluster} AS latency_1m_local
ENGINE = Distributed({cluster}, currentDatabase(), latency_1m_local, sipHash64(partner, campaign))
COMMENT 'How long each stage took, by minute, partner and campaign, as histograms, of all shards; the rows are in latency_1m_local';

CREATE TABLE IF NOT EXISTS latency_1h{local} {on_cluster}
(
    hour        DateTime('UTC') COMMENT 'Hour of stored_at' CODEC(Delta, ZSTD(1)),
    stage       LowCardinality(String) COMMENT 'Stage, or e2e for the whole way',
    partner     LowCardinality(String) COMMENT 'Owner of the API key',
    campaign    LowCardinality(String) COMMENT 'Campaign that the lead came from',
    day         Date COMMENT 'Day of received_at: the partition',
    events      SimpleAggregateFunction(sum, UInt64) COMMENT 'How many events passed the stage' CODEC(T64, ZSTD(1)),
    failed      SimpleAggregateFunction(sum, UInt64) COMMENT 'How many of them it did not end ok for; for e2e, those with such a stage' CODEC(T64, ZSTD(1)),
    wait_us     SimpleAggregateFunction(sum, UInt64) COMMENT 'Microseconds that they waited before it, in sum' CODEC(T64, ZSTD(1)),
    duration_us SimpleAggregateFunction(sum, UInt64) COMMENT 'Microseconds that they spent inside it, in sum' CODEC(T64, ZSTD(1)),
    histogram   SimpleAggregateFunction(sumMap, Map(UInt16, UInt64)) COMMENT 'How many took how long, wait and work together: bucket, events' CODEC(Delta(2), ZSTD(1))
)
ENGINE = {engine:Aggregating}
PARTITION BY day
ORDER BY (hour, stage, partner, campaign, day)
TTL day + INTERVAL 400 DAY
SETTINGS
    default_compression_codec = 'ZSTD(1)',
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800
COMMENT 'How long each stage took, by hour, partner and campaign, as histograms';

CREATE TABLE IF NOT EXISTS latency_1h {on_cluster} AS latency_1h_local
ENGINE = Distributed({cluster}, currentDatabase(), latency_1h_local, sipHash64(partner, campaign))
COMMENT 'How long each stage took, by hour, partner and campaign, as histograms, of all shards; the rows are in latency_1h_local';

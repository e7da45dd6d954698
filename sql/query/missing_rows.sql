-- The promise "no event lost", computed from the tables: how many events each lacks that another has. One row a table:
--   table, events (that the table has), missing
-- Each table is inserted on its own, so they prove each other: events lacks what a rollup counts more, a rollup lacks what
-- events has more.
--
-- Not 0 for a rollup, for some minutes: a batch is between two tries, its events are there and its rollup is to come, or
-- ClickHouse was away when an hour was to be summed up; the log names the table that refuses. For longer: that rollup's rows
-- were deleted, or duplicate_rows is not 0 for events.
-- Not 0 for events: duplicate_rows is not 0 for a rollup; or rows were deleted other than by Erase; or a part of the table
-- was lost, see system.detached_parts.
-- Rollups cannot bring them back; the sender can, within the days that it keeps them, under the same ids.
--
-- Only what is whole counts: minutes that ended two minutes ago, and for latency_1h, which is summed up out of them once an
-- hour is over, hours that ended five minutes ago. A batch may count in a later minute in the rollups than in events, where
-- it was tried twice, never in an earlier one. Events that Erase deleted count as there.
--
-- Parameters: since: received_at from the start of this day on (UTC); usually yesterday.
-- Cost: reads minute and received_at of the span's events: 0.25 s of CPU for 10 million.
WITH
    toStartOfMinute(now('UTC') - INTERVAL 2 MINUTE) AS whole_minute,
    toStartOfHour(now('UTC') - INTERVAL 5 MINUTE) AS whole_hour,
    toDate({since:DateTime64(6, 'UTC')}) AS first_day,
    (
        SELECT (count(), countIf(minute < whole_hour))
        FROM events
        WHERE toDate(received_at) >= first_day AND minute < whole_minute
    ) AS stored,
    (
        SELECT (sum(events), sumIf(events, minute < whole_hour))
        FROM erasures
        WHERE day >= first_day AND minute < whole_minute
    ) AS erased,
    toInt64((SELECT sum(events) FROM latency_1m WHERE stage = 'e2e' AND day >= first_day AND minute < whole_minute)) AS by_minute,
    toInt64((SELECT sum(events) FROM latency_1h WHERE stage = 'e2e' AND day >= first_day AND hour < whole_hour)) AS by_hour,
    toInt64(stored.1 + erased.1) AS till_minute,
    toInt64(stored.2 + erased.2) AS till_hour
SELECT
    part.1 AS table,
    part.2 AS events,
    greatest(part.3, 0) AS missing
FROM system.one
ARRAY JOIN [
    ('events', toInt64(stored.1), greatest(by_minute - till_minute, by_hour - till_hour)),
    ('latency_1m', by_minute, till_minute - by_minute),
    ('latency_1h', by_hour, till_hour - by_hour)
] AS part

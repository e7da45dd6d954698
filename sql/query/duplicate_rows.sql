-- The promise "each event once", computed from the tables: how many rows each has too many. One row a table:
--   table, events (distinct), duplicates
-- For events, its rows beyond the distinct (partner, id); for a rollup, what it counts beyond the distinct events. Each
-- table is inserted on its own, so they prove each other.
--
-- Not 0 for events: a batch went in twice, because the table's deduplication window was altered or a token was lost with
-- the spool; or a sender used an id again when the spool had forgotten it. See which with GROUP BY partner, id
-- HAVING count() > 1; delete the rows of the later inserted_at.
-- Not 0 for a rollup: it got a batch twice, or events were deleted by hand. Its quantiles hardly move; don't take counts
-- from it for that day.
--
-- Only what is whole counts: minutes that ended two minutes ago, and for latency_1h, which is summed up out of them once an
-- hour is over, hours that ended five minutes ago. Events that Erase deleted count as there, since the rollups still count
-- them.
--
-- Parameters: since: received_at from the start of this day on (UTC); usually yesterday.
-- Cost: 0.3 µs of CPU and 33 bytes of memory an event, for it remembers a hash of each: 3 s and 0.3 GB for 10 million. Ask it
-- hourly at most, with a timeout of a minute; missing_rows, at a tenth of that, notices most of the same.
WITH
    toStartOfMinute(now('UTC') - INTERVAL 2 MINUTE) AS whole_minute,
    toStartOfHour(now('UTC') - INTERVAL 5 MINUTE) AS whole_hour,
    toDate({since:DateTime64(6, 'UTC')}) AS first_day,
    (
        SELECT (count(), countIf(minute < whole_hour), uniqExact(sipHash64(partner, id)))
        FROM events
        WHERE toDate(received_at) >= first_day AND minute < whole_minute
    ) AS stored,
    (
        SELECT (sum(events), sumIf(events, minute < whole_hour))
        FROM erasures
        WHERE day >= first_day AND minute < whole_minute
    ) AS erased,
    (SELECT sum(events) FROM latency_1m WHERE stage = 'e2e' AND day >= first_day AND minute < whole_minute) AS by_minute,
    (SELECT sum(events) FROM latency_1h WHERE stage = 'e2e' AND day >= first_day AND hour < whole_hour) AS by_hour,
    toInt64(stored.1 - stored.3) AS twice
SELECT
    part.1 AS table,
    part.2 AS events,
    greatest(part.3 - part.2, 0) AS duplicates
FROM system.one
ARRAY JOIN [
    ('events', toInt64(stored.3), toInt64(stored.1)),
    ('latency_1m', toInt64(stored.3 + erased.1), toInt64(by_minute)),
    ('latency_1h', toInt64(stored.2 + erased.2) - twice, toInt64(by_hour))
] AS part

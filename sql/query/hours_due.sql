-- The hours of latency_1m that latency_1h does not have yet, by day of received_at, which is the partition, oldest first.
--
-- Parameters: since: the first hour to look at, 0: the last one that latency_1h has; before: where to end, a full hour; both in
-- seconds since 1970.
-- Cost: reads minute and day of the rows in between: a millisecond an hour of 100,000 rows.
WITH
    if({since:UInt32} = 0, (SELECT max(hour) FROM latency_1h), toDateTime({since:UInt32}, 'UTC')) AS first
SELECT
    toUInt32(toStartOfHour(minute)) AS hour,
    toUInt16(day) AS day
FROM latency_1m
WHERE minute >= first
  AND minute < toDateTime({before:UInt32}, 'UTC')
GROUP BY hour, day
HAVING (hour, day) GLOBAL NOT IN (
    SELECT toUInt32(hour), toUInt16(day)
    FROM latency_1h
    WHERE hour >= first AND hour < toDateTime({before:UInt32}, 'UTC')
)
ORDER BY hour, day

-- What share of the events took longer than a threshold in a stage, or in the whole way (stage e2e), per partner, over any
-- past span of hours, for any threshold: what an objective such as "99 % within 300 ms" would have made of last month.
--
-- Times are taken to be spread evenly over the bucket that the threshold lies in, which is at most 1/32 of it wide; all
-- others are counted exactly.
--
-- Parameters: from, to: span of stored_at; hours count as a whole by their start; stage; over_us: the threshold in microseconds.
-- Cost: reads the hourly rollup's rows of the stage and span: 30 ms of CPU for a million buckets.
SELECT
    partner,
    toInt64(n) AS events,
    arraySum((b, s, c) -> c * greatest(0, least(1, ((toFloat64(b - 32 * s) + 1) * exp2(s) - 1 - {over_us:UInt64}) / exp2(s))), mapKeys(h), shift, mapValues(h)) AS slower,
    slower / n AS share
FROM
(
    SELECT
        partner,
        sum(events) AS n,
        sumMap(histogram) AS h,
        arrayMap(b -> greatest(intDiv(b, 32), 1) - 1, mapKeys(h)) AS shift
    FROM latency_1h
    WHERE hour >= toStartOfHour({from:DateTime64(6, 'UTC')})
      AND hour < {to:DateTime64(6, 'UTC')}
      AND stage = {stage:String}
    GROUP BY partner
)
ORDER BY partner

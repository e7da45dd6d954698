-- How long each stage took, per partner, over a span of time: P50, P95 and P99 of wait and work together, from the
-- rollup. Stage e2e is the whole way. Each is the middle of a bucket: within 1/64 of what quantileExact over the same
-- events says.
--
-- Parameters: from, to: span of stored_at; minutes count as a whole by their start.
-- Cost: reads the rollup's rows of the span, not the events: 0.1 s of CPU for 4 million buckets.
SELECT
    stage,
    partner,
    toInt64(n) AS events,
    toInt64(middle[indexOf(arrayMap(c -> c > least(toUInt64(floor(0.50 * n)), n - 1), running), 1)]) AS p50_us,
    toInt64(middle[indexOf(arrayMap(c -> c > least(toUInt64(floor(0.95 * n)), n - 1), running), 1)]) AS p95_us,
    toInt64(middle[indexOf(arrayMap(c -> c > least(toUInt64(floor(0.99 * n)), n - 1), running), 1)]) AS p99_us
FROM
(
    SELECT
        stage,
        partner,
        sum(events) AS n,
        sumMap(histogram) AS h,
        arrayCumSum(mapValues(h)) AS running,
        arrayMap(b -> greatest(intDiv(b, 32), 1) - 1, mapKeys(h)) AS shift,
        arrayMap((b, s) -> bitShiftLeft(toUInt64(b - 32 * s), s) + intDiv(bitShiftLeft(toUInt64(1), s), 2), mapKeys(h), shift) AS middle
    FROM latency_1m
    WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
      AND minute < {to:DateTime64(6, 'UTC')}
    GROUP BY stage, partner
)
ORDER BY stage, partner

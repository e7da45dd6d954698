-- End-to-end time of events: P50, P95 and P99 for each step of a span.
--
-- Parameters: from, to: span of stored_at; step: seconds.
-- Cost: reads minute, stored_at and e2e_us of the span's events, 20 bytes each before compression; 60 ms for a million.
SELECT
    toStartOfInterval(stored_at, toIntervalSecond({step:UInt32})) AS time,
    quantileTDigest(0.5)(e2e_ms) AS p50,
    quantileTDigest(0.95)(e2e_ms) AS p95,
    quantileTDigest(0.99)(e2e_ms) AS p99
FROM journeys
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
  AND minute <= {to:DateTime64(6, 'UTC')}
  AND stored_at >= {from:DateTime64(6, 'UTC')}
  AND stored_at < {to:DateTime64(6, 'UTC')}
GROUP BY time
ORDER BY time

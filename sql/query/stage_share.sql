-- Where the events' time goes: each stage's share of all of it, for each step of a span. The shares of a step add up to 1.
--
-- Parameters: from, to: span of stored_at; step: seconds.
-- Cost: reads the stages of the span's events, 140 bytes each before compression; 0.15 s for a million events.
SELECT
    toStartOfInterval(stored_at, toIntervalSecond({step:UInt32})) AS time,
    stage,
    toFloat64(sum(total_us)) / sum(sum(total_us)) OVER (PARTITION BY time) AS share
FROM all_spans
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
  AND minute <= {to:DateTime64(6, 'UTC')}
  AND stored_at >= {from:DateTime64(6, 'UTC')}
  AND stored_at < {to:DateTime64(6, 'UTC')}
GROUP BY time, stage
ORDER BY time, stage

-- Events stored a second, by partner, for each step of a span.
--
-- Parameters: from, to: span of stored_at; step: seconds.
-- Cost: reads minute, stored_at and partner of the span's events, 13 bytes each before compression.
SELECT
    toStartOfInterval(stored_at, toIntervalSecond({step:UInt32})) AS time,
    partner,
    count() / {step:UInt32} AS events
FROM journeys
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
  AND minute <= {to:DateTime64(6, 'UTC')}
  AND stored_at >= {from:DateTime64(6, 'UTC')}
  AND stored_at < {to:DateTime64(6, 'UTC')}
GROUP BY time, partner
ORDER BY time, partner

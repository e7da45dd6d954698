-- Events that are stored more than once: must be 0.
--
-- Parameters: from, to: span of stored_at.
-- Cost: reads partner and id of every event of the span, 50 bytes each before compression, and remembers each: keep it
-- to a day.
SELECT count() - uniqExact(partner, id) AS duplicates
FROM events
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
  AND minute <= {to:DateTime64(6, 'UTC')}
  AND stored_at >= {from:DateTime64(6, 'UTC')}
  AND stored_at < {to:DateTime64(6, 'UTC')}

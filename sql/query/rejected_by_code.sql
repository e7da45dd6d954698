-- Items that were not accepted, by the reason that their sender was told, for each step of a span.
--
-- Parameters: from, to: span of received_at; step: seconds.
-- Cost: reads received_at and code of the span's items, 9 bytes each before compression.
SELECT
    toStartOfInterval(received_at, toIntervalSecond({step:UInt32})) AS time,
    code,
    count() AS items
FROM rejected
WHERE received_at >= {from:DateTime64(6, 'UTC')}
  AND received_at < {to:DateTime64(6, 'UTC')}
GROUP BY time, code
ORDER BY time, code

-- How many events of the demo's partners are stored, how many of them are distinct, and the P95 of the last 10 seconds?
--
-- Parameters: not_partner String, whose events do not count.
-- Cost: reads partner and id of the whole table; for the demo, whose table is small.
SELECT
    count() AS events,
    uniqExact(partner, id) AS distinct_events,
    quantileTDigestIf(0.95)(e2e_us / 1000, stored_at >= now64(6) - INTERVAL 10 SECOND) AS p95_ms
FROM events
WHERE partner != {not_partner:String}

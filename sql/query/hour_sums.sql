-- What latency_1m has of one hour and one day of received_at, summed up: the rows of latency_1h, without hour and day,
-- their histograms as two arrays.
--
-- Parameters: hour: in seconds since 1970; day: in days since 1970.
-- Cost: reads the hour's rows: 33 ns of CPU for each bucket of their histograms, 0.1 s for 70,000 rows.
SELECT
    stage,
    partner,
    campaign,
    sum(events) AS n,
    sum(failed) AS bad,
    sum(wait_us) AS wait,
    sum(duration_us) AS duration,
    mapKeys(sumMap(histogram)) AS buckets,
    mapValues(sumMap(histogram)) AS counts
FROM latency_1m
WHERE minute >= toDateTime({hour:UInt32}, 'UTC')
  AND minute < toDateTime({hour:UInt32} + 3600, 'UTC')
  AND day = toDate({day:UInt16})
GROUP BY stage, partner, campaign

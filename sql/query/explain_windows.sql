-- How slow the events of a slow window are, beside those of a normal window before it. One row:
--   events, p95_us            of the slow window
--   base_events, base_p95_us  of the normal window
--   base_median_us            events up to it are what "normal" means
-- base_p95_us is the median of the P95s of ten equal slices of time, from the first event on: a fault that began in the
-- last slices does not move it.
--
-- Parameters: from, to, base_from, base_to: spans of stored_at, the normal one before the slow one; partner, bot,
-- campaign, type, country: arrays, empty for all.
-- Cost: reads the time and e2e_us of both windows; 10 ms of CPU for 100,000 events.
WITH (
    SELECT min(stored_at)
    FROM journeys
    WHERE minute >= toStartOfMinute({base_from:DateTime64(6, 'UTC')})
      AND stored_at >= {base_from:DateTime64(6, 'UTC')}
      AND stored_at < {base_to:DateTime64(6, 'UTC')}
      AND (empty({partner:Array(String)}) OR has({partner:Array(String)}, partner))
      AND (empty({bot:Array(String)}) OR has({bot:Array(String)}, bot))
      AND (empty({campaign:Array(String)}) OR has({campaign:Array(String)}, campaign))
      AND (empty({type:Array(String)}) OR has({type:Array(String)}, type))
      AND (empty({country:Array(String)}) OR has({country:Array(String)}, country))
) AS first
SELECT
    toInt64(sumIf(n, slice < 0)) AS events,
    toFloat64(maxIf(p95, slice < 0)) AS p95_us,
    toInt64(sumIf(n, slice >= 0)) AS base_events,
    toFloat64(quantileExactIf(0.5)(p95, slice >= 0)) AS base_p95_us,
    toFloat64(quantileExactMergeIf(0.5)(half, slice >= 0)) AS base_median_us
FROM
(
    SELECT
        if(
            stored_at >= {from:DateTime64(6, 'UTC')},
            -1,
            toInt8(10 * (toUnixTimestamp64Micro(stored_at) - toUnixTimestamp64Micro(first)) / (toUnixTimestamp64Micro({base_to:DateTime64(6, 'UTC')}) - toUnixTimestamp64Micro(first)))
        ) AS slice,
        count() AS n,
        quantileExact(0.95)(e2e_us) AS p95,
        quantileExactState(0.5)(e2e_us) AS half
    FROM journeys
    WHERE minute >= toStartOfMinute({base_from:DateTime64(6, 'UTC')})
      AND (stored_at >= {base_from:DateTime64(6, 'UTC')} AND stored_at < {base_to:DateTime64(6, 'UTC')}
        OR stored_at >= {from:DateTime64(6, 'UTC')} AND stored_at < {to:DateTime64(6, 'UTC')})
      AND (empty({partner:Array(String)}) OR has({partner:Array(String)}, partner))
      AND (empty({bot:Array(String)}) OR has({bot:Array(String)}, bot))
      AND (empty({campaign:Array(String)}) OR has({campaign:Array(String)}, campaign))
      AND (empty({type:Array(String)}) OR has({type:Array(String)}, type))
      AND (empty({country:Array(String)}) OR has({country:Array(String)}, country))
    GROUP BY slice
)

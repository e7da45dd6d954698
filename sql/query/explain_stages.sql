-- Where two sets of events spend their time: the slow ones of a slow window and the normal ones of a window before it.
-- One row a stage, and one with stage '' for the whole way:
--   stage, slow_events, slow_us, normal_events, normal_us (sums of wait + duration)
-- The sums of the stages add up to those of the whole way.
--
-- Parameters: from, to, base_from, base_to, partner, bot, campaign, type, country: as in explain_windows; p95_us: slow
-- is an event at or above it; median_us: normal is an event up to it.
-- Cost: reads the time and e2e_us of both windows, the stages of the events of both sets; 20 ms of CPU for 100,000 events.
SELECT
    part AS stage,
    toInt64(countIf(slow)) AS slow_events,
    toInt64(sumIf(us, slow)) AS slow_us,
    toInt64(countIf(NOT slow)) AS normal_events,
    toInt64(sumIf(us, NOT slow)) AS normal_us
FROM
(
    SELECT
        stored_at >= {from:DateTime64(6, 'UTC')} AS slow,
        stage,
        segment_us,
        e2e_us
    FROM journeys
    WHERE minute >= toStartOfMinute({base_from:DateTime64(6, 'UTC')})
      AND (stored_at >= {base_from:DateTime64(6, 'UTC')} AND stored_at < {base_to:DateTime64(6, 'UTC')} AND e2e_us <= {median_us:Float64}
        OR stored_at >= {from:DateTime64(6, 'UTC')} AND stored_at < {to:DateTime64(6, 'UTC')} AND e2e_us >= {p95_us:Float64})
      AND (empty({partner:Array(String)}) OR has({partner:Array(String)}, partner))
      AND (empty({bot:Array(String)}) OR has({bot:Array(String)}, bot))
      AND (empty({campaign:Array(String)}) OR has({campaign:Array(String)}, campaign))
      AND (empty({type:Array(String)}) OR has({type:Array(String)}, type))
      AND (empty({country:Array(String)}) OR has({country:Array(String)}, country))
)
ARRAY JOIN
    arrayPushFront(stage, '') AS part,
    arrayPushFront(segment_us, e2e_us) AS us
GROUP BY part
ORDER BY part

-- Whom the slow events of a window belong to: per partner and campaign with slow events, the ten with most of them.
--   kind (partner or campaign), name, slow, events
--
-- Parameters: from, to: span of stored_at; p95_us: slow is an event at or above it; partner, bot, campaign, type,
-- country: arrays, empty for all.
-- Cost: reads the time, e2e_us, partner and campaign of the window; 20 ms of CPU for 100,000 events.
SELECT
    part.1 AS kind,
    part.2 AS name,
    toInt64(countIf(e2e_us >= {p95_us:Float64})) AS slow,
    toInt64(count()) AS events
FROM journeys
ARRAY JOIN [('partner', toString(partner)), ('campaign', toString(campaign))] AS part
WHERE minute >= toStartOfMinute({from:DateTime64(6, 'UTC')})
  AND stored_at >= {from:DateTime64(6, 'UTC')}
  AND stored_at < {to:DateTime64(6, 'UTC')}
  AND name != ''
  AND (empty({partner:Array(String)}) OR has({partner:Array(String)}, partner))
  AND (empty({bot:Array(String)}) OR has({bot:Array(String)}, bot))
  AND (empty({campaign:Array(String)}) OR has({campaign:Array(String)}, campaign))
  AND (empty({type:Array(String)}) OR has({type:Array(String)}, type))
  AND (empty({country:Array(String)}) OR has({country:Array(String)}, country))
GROUP BY kind, name
HAVING slow > 0
ORDER BY kind, slow DESC, name
LIMIT 10 BY kind

-- Where is my event: the whole way of one event, by the id that its sender gave it. No row: it is not in events, then look
-- at event_rejected and, for a moment after the 202, at the spool. Two rows: it is stored twice, see duplicate_rows.
--
-- Parameters: partner, id.
-- Cost: reads the index on id of the whole table and about one granule in a thousand: 12 ms of CPU for 4 million events.
SELECT
    received_at,
    stored_at,
    type,
    campaign,
    bot,
    source,
    lane,
    outcome,
    country,
    warnings,
    stage,
    wait_us,
    duration_us,
    status,
    e2e_us,
    lower(hex(trace_id)) AS trace,
    inserted_at
FROM events
WHERE partner = {partner:String}
  AND id = {id:String}
ORDER BY stored_at
LIMIT 10

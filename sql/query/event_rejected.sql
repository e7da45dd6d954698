-- Why was my event not accepted: what was wrong with each item of this id, the newest first.
--
-- Parameters: partner, id.
-- Cost: as event_way, over 14 days.
SELECT
    received_at,
    type,
    schema,
    bot,
    source,
    code,
    violations.pointer AS pointer,
    violations.rule AS rule,
    violations.expected AS expected,
    violations.got AS got,
    violations.nearest AS nearest,
    inserted_at
FROM rejected
WHERE partner = {partner:String}
  AND id = {id:String}
ORDER BY received_at DESC
LIMIT 10

-- What each rule's reads have cost, by the comment that they carry: `leadline rule=<group>/<rule>`, or `leadline rules …`
-- where one read answered several rules. Of this server only: on a cluster, of the replica that answers.
--
-- Parameters: seconds: how far back.
-- Cost: reads ten columns of the query log's rows of that time, which its primary key finds by date and time.
SELECT
    log_comment AS comment,
    toInt64(count()) AS queries,
    toInt64(countIf(type != 'QueryFinish')) AS failed,
    sum(ProfileEvents['OSCPUVirtualTimeMicroseconds']) / 1000 AS cpu_ms,
    toFloat64(sum(query_duration_ms)) AS duration_ms,
    toInt64(sum(read_rows)) AS read_rows,
    toInt64(sum(read_bytes)) AS read_bytes,
    toInt64(max(memory_usage)) AS memory_bytes
FROM system.query_log
WHERE event_date >= toDate(now() - toIntervalSecond({seconds:UInt32}))
  AND event_time >= now() - toIntervalSecond({seconds:UInt32})
  AND type != 'QueryStart'
  AND current_database = currentDatabase()
  AND (startsWith(log_comment, 'leadline rule=') OR startsWith(log_comment, 'leadline rules '))
GROUP BY log_comment
ORDER BY cpu_ms DESC, log_comment
LIMIT 10000

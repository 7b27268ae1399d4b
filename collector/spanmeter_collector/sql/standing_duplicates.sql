-- What was found not to be counted of these traces, started in a period, and not withdrawn since.
SELECT
    toUnixTimestamp64Nano(duplicates.time) AS time,
    toUnixTimestamp64Milli(max(duplicates.recorded_at)) AS recorded_at,
    'found' AS entry,
    reason,
    trace_id,
    span_id,
    counted_span_id,
    service,
    scope,
    name,
    operation,
    provider,
    model,
    input_tokens,
    output_tokens,
    usd
FROM duplicates
WHERE duplicates.time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))
GROUP BY ALL
HAVING sum(if(duplicates.entry = 'withdrawn', -1, 1)) > 0

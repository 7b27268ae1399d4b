-- Spans that several sidecars recorded lately, at one time, as not counted for the same reason.
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
WHERE duplicates.recorded_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
GROUP BY ALL
HAVING sum(if(duplicates.entry = 'withdrawn', -1, 1)) > 1
LIMIT {limit:UInt32}

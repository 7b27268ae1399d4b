-- The latest spans that were not counted and still are not.
SELECT
    lower(hex(trace_id)) AS trace,
    lower(hex(span_id)) AS span,
    if(counted_span_id = toFixedString('', 8), '', lower(hex(counted_span_id))) AS counted,
    reason,
    toUnixTimestamp64Nano(duplicates.time) AS start_ns,
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
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND $filters
GROUP BY ALL
HAVING sum(if(duplicates.entry = 'withdrawn', -1, 1)) > 0
ORDER BY start_ns DESC, trace, span, reason
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

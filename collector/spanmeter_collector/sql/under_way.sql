-- The calls of some services that are counted and were under way in a period.
SELECT
    trace_id,
    span_id,
    parent_span_id,
    toUnixTimestamp64Nano(start_time) AS start,
    start + toInt64(least(duration_ns, 4291747200000000000 - start)) AS end,
    service,
    instance,
    scope,
    name,
    status,
    operation,
    provider,
    request_model,
    model,
    response_id,
    input_tokens,
    cached_input_tokens,
    output_tokens,
    reasoning_tokens,
    '' AS mark
FROM spans
WHERE start_time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND end >= {overlapping:Int64}
  AND service IN {services:Array(String)}
  AND operation IN {operations:Array(String)}
  AND (input_tokens + output_tokens > 0 OR status NOT IN ('error', 'cancelled'))
  AND NOT wrapper
  AND NOT ({others_only:Bool} AND (scope = 'spanmeter' OR startsWith(scope, 'spanmeter.')))
  AND (trace_id, span_id) NOT IN (
      SELECT trace_id, span_id
      FROM duplicates
      WHERE time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
        AND reason != 'same_span'
      GROUP BY trace_id, span_id
      HAVING sum(if(entry = 'withdrawn', -1, 1)) > 0
  )
LIMIT 1 BY trace_id, span_id

-- Which instrumentations told of counted calls of some services besides the one that counts, and whether of their usage.
SELECT counted_span_id, scope, input_tokens + output_tokens > 0 AS used
FROM duplicates
WHERE time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND service IN {services:Array(String)}
  AND reason != 'same_span'
GROUP BY counted_span_id, scope, used, trace_id, span_id, reason
HAVING sum(if(entry = 'withdrawn', -1, 1)) > 0

-- How many operations ended within each bound; bucket 0 holds those beyond the last. Cache hits asked no provider.
SELECT
    service,
    operation,
    provider,
    request_model,
    error_type,
    arrayFirstIndex(bound -> duration_ns <= bound, {bounds:Array(UInt64)}) AS bucket,
    count() AS observed,
    sum(toFloat64(duration_ns)) AS total
FROM spans
WHERE wrapper = 0
  AND operation IN {operations:Array(String)}
  AND (trace_id, span_id) NOT IN (SELECT trace_id, span_id FROM charges WHERE component = 'call' AND cache_hits > 0)
GROUP BY service, operation, provider, request_model, error_type, bucket
ORDER BY service, operation, provider, request_model, error_type, bucket
SETTINGS max_execution_time = 30

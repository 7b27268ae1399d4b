-- How many streams brought their first chunk within each bound; bucket 0 holds those beyond the last.
SELECT
    service,
    operation,
    provider,
    request_model,
    arrayFirstIndex(bound -> first_chunk_ns <= bound, {bounds:Array(UInt64)}) AS bucket,
    count() AS observed,
    sum(first_chunk_ns) AS total
FROM spans
WHERE wrapper = 0 AND first_chunk_ns > 0 AND operation IN {operations:Array(String)}
GROUP BY service, operation, provider, request_model, bucket
ORDER BY service, operation, provider, request_model, bucket
SETTINGS max_execution_time = 30

-- How many operations used a number of tokens within each bound, by direction; bucket 0 holds those beyond the last.
SELECT
    service,
    operation,
    provider,
    request_model,
    usage.1 AS token_type,
    arrayFirstIndex(bound -> usage.2 <= bound, {bounds:Array(UInt64)}) AS bucket,
    count() AS observed,
    sum(usage.2) AS total
FROM spans
ARRAY JOIN [('input', input_tokens), ('output', output_tokens)] AS usage
WHERE wrapper = 0 AND usage.2 > 0 AND operation IN {operations:Array(String)}
GROUP BY service, operation, provider, request_model, token_type, bucket
ORDER BY service, operation, provider, request_model, token_type, bucket
SETTINGS max_execution_time = 30

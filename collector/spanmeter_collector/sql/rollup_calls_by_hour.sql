-- The components of calls taken together.
SELECT
    components_by_hour.time AS time,
    service,
    framework,
    operation,
    provider,
    model,
    grade,
    sum(components_by_hour.calls) AS calls,
    sum(components_by_hour.failed_calls) AS failed_calls,
    sum(components_by_hour.cache_hits) AS cache_hits,
    sum(components_by_hour.unpriced_calls) AS unpriced_calls,
    sum(components_by_hour.input_tokens) AS input_tokens,
    sum(components_by_hour.cached_input_tokens) AS cached_input_tokens,
    sum(components_by_hour.output_tokens) AS output_tokens,
    sum(components_by_hour.reasoning_tokens) AS reasoning_tokens,
    sum(components_by_hour.usd) AS usd,
    sum(components_by_hour.entries) AS entries
FROM components_by_hour
WHERE $where
GROUP BY time, service, framework, operation, provider, model, grade

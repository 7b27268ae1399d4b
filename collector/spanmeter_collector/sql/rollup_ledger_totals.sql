-- The hours of a month taken together, by the labels of the exported counters.
SELECT
    toDateTime(toStartOfMonth(components_by_hour.time), 'UTC') AS time,
    service,
    framework,
    operation,
    provider,
    model,
    grade,
    component,
    sum(components_by_hour.calls) AS calls,
    sum(components_by_hour.failed_calls) AS failed_calls,
    sum(components_by_hour.cache_hits) AS cache_hits,
    sum(components_by_hour.unpriced_calls) AS unpriced_calls,
    sum(components_by_hour.tokens) AS tokens,
    sum(components_by_hour.usd) AS usd,
    sum(components_by_hour.entries) AS entries
FROM components_by_hour
WHERE $where
GROUP BY time, service, framework, operation, provider, model, grade, component

-- The hours of a month taken together, by the labels of the exported counters.
SELECT
    toDateTime(toStartOfMonth(charge_sums.time), 'UTC') AS time,
    service,
    framework,
    operation,
    provider,
    model,
    grade,
    component,
    sum(charge_sums.calls) AS calls,
    sum(charge_sums.failed_calls) AS failed_calls,
    sum(charge_sums.cache_hits) AS cache_hits,
    sum(charge_sums.unpriced_calls) AS unpriced_calls,
    sum(charge_sums.tokens) AS tokens,
    sum(charge_sums.usd) AS usd,
    sum(charge_sums.entries) AS entries
FROM charge_sums
WHERE level = 'components_by_hour' AND $where
GROUP BY time, service, framework, operation, provider, model, grade, component

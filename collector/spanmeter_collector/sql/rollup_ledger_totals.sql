-- The hours of a month taken together, by the labels of the exported counters.
SELECT
    toDateTime(toStartOfMonth(ledger_sums.time), 'UTC') AS time,
    service,
    framework,
    operation,
    provider,
    model,
    grade,
    component,
    sum(ledger_sums.calls) AS calls,
    sum(ledger_sums.failed_calls) AS failed_calls,
    sum(ledger_sums.cache_hits) AS cache_hits,
    sum(ledger_sums.unpriced_calls) AS unpriced_calls,
    sum(ledger_sums.tokens) AS tokens,
    sum(ledger_sums.usd) AS usd,
    sum(ledger_sums.entries) AS entries
FROM ledger_sums
WHERE level = 'components_by_hour' AND $where
GROUP BY time, service, framework, operation, provider, model, grade, component

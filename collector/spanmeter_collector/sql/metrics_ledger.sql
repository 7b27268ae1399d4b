-- The whole ledger by the labels of the exported counters.
SELECT
    service,
    framework,
    operation,
    provider,
    model,
    component,
    grade,
    sum(charges.usd) AS usd,
    sumIf(charges.quantity, unit = 'token') AS tokens,
    sum(charges.calls) AS calls,
    sum(charges.failed_calls) AS failed_calls,
    sum(charges.cache_hits) AS cache_hits,
    sum(charges.unpriced_calls) AS unpriced_calls
FROM charges
GROUP BY service, framework, operation, provider, model, component, grade
ORDER BY service, framework, operation, provider, model, component, grade
SETTINGS max_execution_time = 30

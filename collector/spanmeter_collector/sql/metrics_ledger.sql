-- The ledger since it began, by the labels of the exported counters.
SELECT
    service,
    framework,
    operation,
    provider,
    model,
    component,
    grade,
    sum(ledger_totals.usd) AS usd,
    sum(ledger_totals.tokens) AS tokens,
    sum(ledger_totals.calls) AS calls,
    sum(ledger_totals.failed_calls) AS failed_calls,
    sum(ledger_totals.cache_hits) AS cache_hits,
    sum(ledger_totals.unpriced_calls) AS unpriced_calls
FROM ledger_totals
GROUP BY service, framework, operation, provider, model, component, grade
ORDER BY service, framework, operation, provider, model, component, grade
SETTINGS max_execution_time = 30

-- Entries of the ledger by hour or day, at every level of detail that questions ask for. A dimension that a level leaves
-- out is empty under its own name, so the sums name the table.
SELECT
    $level AS level,
    $began AS time,
    $dimensions,
    sum(charges.calls) AS calls,
    sum(charges.failed_calls) AS failed_calls,
    sum(charges.cache_hits) AS cache_hits,
    sum(charges.unpriced_calls) AS unpriced_calls,
    sum(charges.input_tokens) AS input_tokens,
    sum(charges.cached_input_tokens) AS cached_input_tokens,
    sum(charges.output_tokens) AS output_tokens,
    sum(charges.reasoning_tokens) AS reasoning_tokens,
    sumIf(charges.quantity, charges.unit = 'token') AS tokens,
    sum(charges.usd) AS usd,
    sumIf(if(charges.entry = 'reversal', -1, 1) * greatest(1, abs(charges.calls)), charges.component = 'call') AS billed,
    sumIf(if(charges.entry = 'reversal', -1, 1), charges.component = 'call' AND charges.usd IS NOT NULL) AS billed_priced,
    count() AS entries
FROM charges
WHERE $where
GROUP BY GROUPING SETS ($sets)

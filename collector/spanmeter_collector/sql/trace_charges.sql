-- The ledger of one trace by span and component, reversals taken off.
SELECT
    lower(hex(span_id)) AS span,
    component,
    sum(charges.quantity) AS quantity,
    unit,
    usd_per_unit,
    sum(charges.usd) AS usd,
    grade,
    price_version,
    sum(charges.calls) AS calls,
    sum(charges.failed_calls) AS failed_calls,
    sum(charges.cache_hits) AS cache_hits,
    sum(charges.unpriced_calls) AS unpriced_calls,
    sum(charges.input_tokens) AS input_tokens,
    sum(charges.cached_input_tokens) AS cached_input_tokens,
    sum(charges.output_tokens) AS output_tokens,
    sum(charges.reasoning_tokens) AS reasoning_tokens
FROM charges
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
GROUP BY span_id, component, unit, usd_per_unit, grade, price_version
HAVING sum(if(entry = 'reversal', -1, 1)) > 0
ORDER BY min(time), span_id, component
SETTINGS max_execution_time = 30

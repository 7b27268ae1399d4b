-- What the calls of a period cost, by the asked dimensions and in total. One scan, so rows and total agree.
-- With the total may come the models of which no price is known. `entries` tells whether any was added: the ledger only
-- grows.
-- The source is the ledger, or a rollup of it with the ledger's entries at the ends that are no whole hours.
SELECT
    $dimensions,
    grouping(dim_0) AS is_total,
    sum(charges.calls) AS calls,
    sum(charges.failed_calls) AS failed_calls,
    sum(charges.cache_hits) AS cache_hits,
    sum(charges.input_tokens) AS input_tokens,
    sum(charges.cached_input_tokens) AS cached_input_tokens,
    sum(charges.output_tokens) AS output_tokens,
    sum(charges.reasoning_tokens) AS reasoning_tokens,
    -- Nothing asked costs nothing; calls of which no price is known cost an unknown amount.
    multiIf(
        count() = 0, toDecimal128(0, 12),
        unpriced_calls > 0 AND unpriced_calls >= calls AND ifNull(sum(usd), 0) = 0, NULL,
        sum(usd)
    ) AS cost_usd,
    sum(charges.unpriced_calls) AS unpriced_calls,
    sum(charges.entries) AS entries,
    $unpriced AS unpriced
FROM $source AS charges
WHERE $within AND $filters
GROUP BY GROUPING SETS (($keys), ())
ORDER BY is_total DESC, $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

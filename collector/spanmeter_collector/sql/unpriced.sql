-- The models of which no price is known, those with the most tokens first.
SELECT
    provider,
    model,
    sum(charges.unpriced_calls) AS calls,
    sum(charges.input_tokens) AS input_tokens,
    sum(charges.output_tokens) AS output_tokens
FROM $source AS charges
WHERE $within
  AND grade = 'unpriced'
  AND $filters
GROUP BY provider, model
HAVING calls > 0
ORDER BY input_tokens + output_tokens DESC, provider, model
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

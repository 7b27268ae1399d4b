-- The calls that stand at one version of the prices: how many, and what they cost as far as it is known.
-- The source is the ledger of a period, or a rollup of it.
SELECT
    provider,
    model,
    sum(charges.billed) AS calls,
    sum(charges.billed_priced) AS priced,
    sum(charges.usd) AS usd
FROM $source AS charges
WHERE $within
  AND grade != ''
  AND price_version = {version:String}
  AND $filters
GROUP BY provider, model
HAVING calls > 0
SETTINGS max_execution_time = 30

-- What the calls of a period cost, by whom they asked: how many there are, on which days and for whose tenants. From the ledger, or a
-- rollup of it.
SELECT
    provider,
    model,
    groupUniqArray(toDate(charges.time)) AS days,
    $tenants AS tenants,
    sum(billed) AS calls,
    sumIf(billed, grade = 'unpriced') AS unpriced_calls,
    sum(charges.usd) AS usd
FROM $source AS charges
WHERE $within
  AND grade != ''
  AND $filters
GROUP BY provider, model
SETTINGS max_execution_time = 30

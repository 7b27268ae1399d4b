-- The calls of a period that stand at one version of the prices: how many, and what they cost as far as it is known.
SELECT
    provider,
    model,
    sumIf(if(entry = 'reversal', -1, 1) * greatest(1, abs(charges.calls)), component = 'call') AS calls,
    sumIf(if(entry = 'reversal', -1, 1), component = 'call' AND charges.usd IS NOT NULL) AS priced,
    sum(charges.usd) AS usd
FROM charges
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND grade != ''
  AND price_version = {version:String}
  AND $filters
GROUP BY provider, model
HAVING calls > 0

-- What the calls of a period cost, by whom they asked: how many there are, on which days they ended and for whose tenants.
SELECT
    provider,
    model,
    groupUniqArrayIf(toDate(greatest(ended_at, charges.time)), component = 'call') AS days,
    groupUniqArrayIf(1000)(tenant, component = 'call') AS tenants,
    sumIf(if(entry = 'reversal', -1, 1), component = 'call') AS calls,
    sumIf(if(entry = 'reversal', -1, 1), component = 'call' AND grade = 'unpriced') AS unpriced_calls,
    sum(charges.usd) AS usd
FROM charges
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND grade != ''
  AND $filters
GROUP BY provider, model
SETTINGS max_execution_time = 30

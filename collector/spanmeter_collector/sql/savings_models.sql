-- Whom the calls of a period asked, how many there are, and on which days and for whose tenants.
SELECT
    provider,
    model,
    groupUniqArray(toDate(greatest(ended_at, charges.time))) AS days,
    groupUniqArray(1000)(tenant) AS tenants,
    sum(if(entry = 'reversal', -1, 1)) AS calls
FROM charges
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND component = 'call'
  AND grade != ''
  AND $filters
GROUP BY provider, model
SETTINGS max_execution_time = 30

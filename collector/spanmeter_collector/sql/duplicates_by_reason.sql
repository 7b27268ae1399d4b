-- How many spans were not counted, and what they would have added, by reason.
SELECT
    reason,
    sum(if(duplicates.entry = 'withdrawn', -1, 1)) AS calls,
    sum(if(duplicates.entry = 'withdrawn', -1, 1) * toInt64(duplicates.input_tokens)) AS input_tokens,
    sum(if(duplicates.entry = 'withdrawn', -1, 1) * toInt64(duplicates.output_tokens)) AS output_tokens,
    ifNull(sum(if(duplicates.entry = 'withdrawn', -duplicates.usd, duplicates.usd)), 0) AS usd
FROM duplicates
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND $filters
GROUP BY reason
HAVING calls > 0
ORDER BY reason
SETTINGS max_execution_time = 30

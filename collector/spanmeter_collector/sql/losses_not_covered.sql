-- Calls of a period that no process counts itself, or whose process never told: what of them got lost is not known.
SELECT service, sum(charges.calls) AS calls
FROM charges
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND (counted_by = '' OR (service, counted_by) NOT IN (SELECT service, instance FROM readings))
  AND $filters
GROUP BY service
HAVING calls > 0
ORDER BY calls DESC, service
SETTINGS max_execution_time = 30

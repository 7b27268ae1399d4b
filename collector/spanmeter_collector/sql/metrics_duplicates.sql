-- How many spans of calls were not counted, by reason.
SELECT service, reason, sum(if(entry = 'withdrawn', -1, 1)) AS found
FROM duplicates
GROUP BY service, reason
ORDER BY service, reason
SETTINGS max_execution_time = 30

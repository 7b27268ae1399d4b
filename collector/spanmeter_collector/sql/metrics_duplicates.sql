-- How many spans of calls were not counted since the store began, by reason.
SELECT service, reason, sum(duplicate_totals.found) AS found
FROM duplicate_totals
GROUP BY service, reason
ORDER BY service, reason
SETTINGS max_execution_time = 30

-- Spans of calls that were not counted, by month and reason; what was withdrawn is taken off.
SELECT
    toDateTime(toStartOfMonth(duplicates.time), 'UTC') AS time,
    service,
    reason,
    sum(if(entry = 'withdrawn', -1, 1)) AS found,
    count() AS entries
FROM duplicates
WHERE $where
GROUP BY time, service, reason

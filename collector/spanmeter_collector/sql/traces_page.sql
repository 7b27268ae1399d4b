-- Which traces that started in a period stand on a page. A trace is whole: spans up to a day around the period count.
WITH
    fromUnixTimestamp64Micro({since:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Micro({until:Int64}, 'UTC') AS until
SELECT
    lower(hex(trace_id)) AS trace,
    toUnixTimestamp64Nano(min(start_time)) AS start_ns,
    max(toUnixTimestamp64Nano(start_time) + spans.duration_ns) AS end_ns,
    end_ns - start_ns AS duration_ns,
    count() OVER () AS matching
FROM spans
WHERE start_time >= since - INTERVAL 1 DAY AND start_time < until + INTERVAL 1 DAY
GROUP BY trace_id
HAVING min(start_time) >= since AND min(start_time) < until AND $matches
ORDER BY $order
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
SETTINGS max_execution_time = 30

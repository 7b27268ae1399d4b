-- Which traces that started in a period stand on a page, the dearest first and those of unknown cost last.
WITH
    fromUnixTimestamp64Micro({since:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Micro({until:Int64}, 'UTC') AS until
SELECT
    lower(hex(trace_id)) AS trace,
    start_ns,
    end_ns,
    if(ledger.found = 0, 0, ledger.cost_usd) AS cost_usd,
    count() OVER () AS matching
FROM (
    SELECT
        trace_id,
        toUnixTimestamp64Nano(min(start_time)) AS start_ns,
        max(toUnixTimestamp64Nano(start_time) + spans.duration_ns) AS end_ns
    FROM spans
    WHERE start_time >= since - INTERVAL 1 DAY AND start_time < until + INTERVAL 1 DAY
    GROUP BY trace_id
    HAVING min(start_time) >= since AND min(start_time) < until AND $matches
) AS seen
LEFT JOIN (
    SELECT
        trace_id,
        if(sum(unpriced_calls) > 0 AND sum(unpriced_calls) >= sum(calls) AND ifNull(sum(usd), 0) = 0, NULL, sum(usd))
            AS cost_usd,
        1 AS found
    FROM charges
    WHERE time >= since AND time < until + INTERVAL 1 DAY
    GROUP BY trace_id
) AS ledger ON ledger.trace_id = seen.trace_id
ORDER BY $order
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
SETTINGS max_execution_time = 30

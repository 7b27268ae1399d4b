-- Which traces that started in a period stand on a page. A trace is whole: spans of the day before tell that it started
-- earlier, and where it matters how long it took or what its spans say, those of the day after count as well.
-- Numbers are grouped faster than bytes, and only what stands on the page is spelled out. Two threads would
-- take twice the time of one where every trace is found by both and has to be merged.
WITH
    fromUnixTimestamp64Micro({since:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Micro({until:Int64}, 'UTC') AS until
SELECT lower(hex(trace_id)) AS trace, start_ns, matching
FROM (
    SELECT
        reinterpretAsFixedString(id) AS trace_id,
        toUnixTimestamp64Nano(min(start_time)) AS start_ns,
        max(toUnixTimestamp64Nano(start_time) + spans.duration_ns) - start_ns AS duration_ns,
        count() OVER () AS matching
    FROM spans
    WHERE start_time >= since - INTERVAL 1 DAY AND start_time < $through
    GROUP BY reinterpretAsUInt128(spans.trace_id) AS id
    HAVING min(start_time) >= since AND min(start_time) < until AND $matches
    ORDER BY $order
    LIMIT {limit:UInt32} OFFSET {offset:UInt32}
)
SETTINGS max_execution_time = 30, max_threads = $threads

-- Which traces that started in a period stand on a page, the dearest first and those of unknown cost last. `mark` tells
-- which spans and entries a trace has until the day after the period: none is ever taken away, so as many, up to the same
-- time, are the same ones.
-- Numbers are grouped faster than bytes, and only what stands on the page is spelled out. Two threads would
-- take twice the time of one where every trace is found by both and has to be merged.
WITH
    fromUnixTimestamp64Micro({since:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Micro({until:Int64}, 'UTC') AS until
SELECT lower(hex(trace_id)) AS trace, start_ns, matching, mark
FROM (
    SELECT
        reinterpretAsFixedString(id) AS trace_id,
        start_ns,
        if(ledger.found = 0, 0, ledger.cost_usd) AS cost_usd,
        count() OVER () AS matching,
        (seen.span_count, seen.latest, ledger.entry_count) AS mark
    FROM (
        SELECT
            reinterpretAsUInt128(spans.trace_id) AS id,
            toUnixTimestamp64Nano(min(start_time)) AS start_ns,
            toUnixTimestamp64Nano(max(start_time)) AS latest,
            count() AS span_count
        FROM spans
        WHERE start_time >= since - INTERVAL 1 DAY AND start_time < until + INTERVAL 1 DAY
        GROUP BY id
        HAVING min(start_time) >= since AND min(start_time) < until AND $matches
    ) AS seen
    LEFT JOIN (
        SELECT
            reinterpretAsUInt128(charges.trace_id) AS id,
            if(sum(unpriced_calls) > 0 AND sum(unpriced_calls) >= sum(calls) AND ifNull(sum(usd), 0) = 0, NULL, sum(usd))
                AS cost_usd,
            count() AS entry_count,
            1 AS found
        FROM charges
        WHERE time >= since AND time < until + INTERVAL 1 DAY
        GROUP BY id
    ) AS ledger ON ledger.id = seen.id
    ORDER BY $order
    LIMIT {limit:UInt32} OFFSET {offset:UInt32}
)
SETTINGS max_execution_time = 30, max_threads = $threads

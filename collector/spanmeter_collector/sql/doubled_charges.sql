-- Calls of which the entries recorded lately do not come to one bill more, one less, or as many as there were before:
-- several sidecars charged, or took back, at one time.
SELECT trace_id, span_id, toUnixTimestamp64Nano(min(start)) AS start
FROM (
    SELECT trace_id, span_id, min(charges.time) AS start, sum(if(entry = 'reversal', -1, 1)) AS net
    FROM charges
    WHERE recorded_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND component = 'call'
    GROUP BY trace_id, span_id, price_version, grade, provider, model
)
GROUP BY trace_id, span_id
HAVING max(abs(net)) > 1 OR abs(sum(net)) > 1
ORDER BY start, trace_id, span_id
LIMIT {limit:UInt32}
SETTINGS max_bytes_before_external_group_by = 268435456

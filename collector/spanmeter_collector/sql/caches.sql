-- Requests to the applications' caches in a period, by the asked dimensions and in total.
-- A span that came twice may stand here twice until the engine merges its rows: each counts once.
SELECT
    $dimensions,
    grouping(dim_0) AS is_total,
    sum(cache_requests.hits) AS hits,
    sum(cache_requests.misses) AS misses,
    sum(cache_requests.unpriced_hits) AS unpriced_hits,
    -- Hits of which nobody knows what they saved saved an unknown amount, no hits saved nothing.
    if(hits > 0 AND unpriced_hits = hits, NULL, sum(cache_requests.saved)) AS saved_usd
FROM cache_requests FINAL
WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND $filters
GROUP BY GROUPING SETS (($keys), ())
ORDER BY is_total DESC, $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

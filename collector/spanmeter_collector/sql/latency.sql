-- How long spans took in seconds, by the asked dimensions and in total. One scan; wrappers enclose a counted span and
-- are left out.
WITH
    quantilesTDigest(0.5, 0.95, 0.99)(duration_ns) AS took_ns,
    countIf(first_chunk_ns > 0) AS streamed,
    quantilesTDigestIf(0.5, 0.95)(first_chunk_ns, first_chunk_ns > 0) AS first_ns,
    sumIf(toFloat64(duration_ns), spans.output_tokens > 0) AS answered_ns
SELECT
    $dimensions,
    grouping(dim_0) AS is_total,
    count() AS count,
    countIf(status = 'error') AS errors,
    if(count = 0, NULL, round(avg(toFloat64(duration_ns)) / 1e9, 6)) AS mean_s,
    if(count = 0, NULL, round(took_ns[1] / 1e9, 6)) AS p50_s,
    if(count = 0, NULL, round(took_ns[2] / 1e9, 6)) AS p95_s,
    if(count = 0, NULL, round(took_ns[3] / 1e9, 6)) AS p99_s,
    if(count = 0, NULL, round(max(duration_ns) / 1e9, 6)) AS max_s,
    if(streamed = 0, NULL, round(first_ns[1] / 1e9, 6)) AS time_to_first_chunk_p50_s,
    if(streamed = 0, NULL, round(first_ns[2] / 1e9, 6)) AS time_to_first_chunk_p95_s,
    if(answered_ns = 0, NULL, sum(spans.output_tokens) * 1e9 / answered_ns) AS output_tokens_per_s
FROM spans
WHERE wrapper = 0
  AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND $filters
GROUP BY GROUPING SETS (($keys), ())
ORDER BY is_total DESC, $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

-- How long spans took, by the asked dimensions and in total. One scan; wrappers enclose a counted span and are left out.
SELECT
    $dimensions,
    grouping(dim_0) AS is_total,
    count() AS spans_seen,
    countIf(status = 'error') AS errors,
    avg(toFloat64(duration_ns)) AS mean_ns,
    quantilesTDigest(0.5, 0.95, 0.99)(duration_ns) AS duration_quantiles_ns,
    max(duration_ns) AS max_ns,
    countIf(first_chunk_ns > 0) AS streams,
    quantilesTDigestIf(0.5, 0.95)(first_chunk_ns, first_chunk_ns > 0) AS first_chunk_quantiles_ns,
    sum(spans.output_tokens) AS output_tokens,
    sumIf(toFloat64(duration_ns), spans.output_tokens > 0) AS output_ns
FROM spans
WHERE wrapper = 0
  AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND $filters
GROUP BY GROUPING SETS (($keys), ())
ORDER BY is_total DESC, $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

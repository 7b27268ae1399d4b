-- Spans by hour or day and what they did, at every level of detail that questions ask for.
SELECT
    $level AS level,
    $began AS time,
    wrapper,
    $dimensions,
    countIf(status = 'error') AS errors,
    countIf(first_chunk_ns > 0) AS streams,
    sum(spans.output_tokens) AS output_tokens,
    sum(toFloat64(spans.duration_ns)) AS duration_ns,
    sumIf(toFloat64(spans.duration_ns), spans.output_tokens > 0) AS output_ns,
    max(spans.duration_ns) AS max_ns,
    quantilesTDigestState(0.5, 0.95, 0.99)(spans.duration_ns) AS durations,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(first_chunk_ns, first_chunk_ns > 0) AS first_chunks,
    count() AS entries
FROM spans
WHERE $where
GROUP BY GROUPING SETS ($sets)

-- How long spans took in seconds, from sums and sketches; wrappers enclose a counted span and are left out.
WITH
    quantilesTDigestMerge(0.5, 0.95, 0.99)(spans.durations) AS took_ns,
    sum(spans.streams) AS streamed,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(spans.first_chunks) AS first_ns,
    sum(spans.output_ns) AS answered_ns
SELECT
    $dimensions,
    sum(spans.entries) AS count,
    sum(spans.errors) AS errors,
    round(sum(spans.duration_ns) / count / 1e9, 6) AS mean_s,
    round(took_ns[1] / 1e9, 6) AS p50_s,
    round(took_ns[2] / 1e9, 6) AS p95_s,
    round(took_ns[3] / 1e9, 6) AS p99_s,
    round(max(spans.max_ns) / 1e9, 6) AS max_s,
    if(streamed = 0, NULL, round(first_ns[1] / 1e9, 6)) AS time_to_first_chunk_p50_s,
    if(streamed = 0, NULL, round(first_ns[2] / 1e9, 6)) AS time_to_first_chunk_p95_s,
    if(answered_ns = 0, NULL, sum(spans.output_tokens) * 1e9 / answered_ns) AS output_tokens_per_s
FROM $source AS spans
WHERE $within AND wrapper = 0 AND $filters AND $kept
GROUP BY $keys
ORDER BY $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

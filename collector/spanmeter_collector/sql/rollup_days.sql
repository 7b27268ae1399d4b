-- The days of an older store, taken together from its hours: spans of old days may be gone.
(
    level, time, wrapper, service, framework, operation, provider, model, errors, streams, output_tokens, duration_ns,
    output_ns, max_ns, durations, first_chunks, entries
)
SELECT
    '$days' AS level,
    toStartOfDay(span_sums.time) AS time,
    wrapper,
    service,
    framework,
    operation,
    provider,
    model,
    sum(span_sums.errors) AS errors,
    sum(span_sums.streams) AS streams,
    sum(span_sums.output_tokens) AS output_tokens,
    sum(span_sums.duration_ns) AS duration_ns,
    sum(span_sums.output_ns) AS output_ns,
    max(span_sums.max_ns) AS max_ns,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(span_sums.durations) AS durations,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(span_sums.first_chunks) AS first_chunks,
    sum(span_sums.entries) AS entries
FROM span_sums
WHERE span_sums.level = '$hours'
GROUP BY time, wrapper, service, framework, operation, provider, model

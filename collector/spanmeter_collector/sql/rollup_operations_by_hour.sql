-- What spans did taken together by operation.
SELECT
    spans_by_hour.time AS time,
    operation,
    wrapper,
    sum(spans_by_hour.errors) AS errors,
    sum(spans_by_hour.streams) AS streams,
    sum(spans_by_hour.output_tokens) AS output_tokens,
    sum(spans_by_hour.duration_ns) AS duration_ns,
    sum(spans_by_hour.output_ns) AS output_ns,
    max(spans_by_hour.max_ns) AS max_ns,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(spans_by_hour.durations) AS durations,
    quantilesTDigestMergeState(0.5, 0.95, 0.99)(spans_by_hour.first_chunks) AS first_chunks,
    sum(spans_by_hour.entries) AS entries
FROM spans_by_hour
WHERE $where
GROUP BY time, operation, wrapper

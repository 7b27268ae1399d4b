-- How long spans took, from sums and sketches; wrappers enclose a counted span and are left out.
-- Sketches are merged for the groups that are answered only.
WITH source AS (
    SELECT * FROM (SELECT *, time AS start_time FROM $source) AS spans WHERE wrapper = 0 AND $filters
)
SELECT
    $dimensions,
    sum(entries) AS spans_seen,
    sum(spans.errors) AS errors,
    sum(spans.duration_ns) / spans_seen AS mean_ns,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(durations) AS duration_quantiles_ns,
    max(spans.max_ns) AS max_ns,
    sum(spans.streams) AS streams,
    quantilesTDigestMerge(0.5, 0.95, 0.99)(first_chunks) AS first_chunk_quantiles_ns,
    sum(spans.output_tokens) AS output_tokens,
    sum(spans.output_ns) AS output_ns
FROM source AS spans
WHERE ($keys) IN (
    SELECT $keys FROM (
        SELECT $dimensions, sum(entries) AS spans_seen FROM source AS spans GROUP BY $keys ORDER BY $order LIMIT {limit:UInt32}
    )
)
GROUP BY $keys
ORDER BY $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

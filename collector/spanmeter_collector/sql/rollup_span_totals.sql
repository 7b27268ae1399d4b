-- What spans add to the exported histograms, with the least that is in the same bucket as each.
-- Cache hits asked no provider, so they took no operation's time.
SELECT
    month AS time,
    observation.1 AS family,
    if(family = '', '', spans.service) AS service,
    if(family = '', '', spans.operation) AS operation,
    if(family = '', '', spans.provider) AS provider,
    if(family = '', '', spans.request_model) AS request_model,
    if(family = 'duration', spans.error_type, '') AS error_type,
    toUInt64(if(family IN ('input', 'output'), roundDown(observation.2, $tokens), roundDown(observation.2, $durations))) AS least_in,
    countIf(family != '') AS observed,
    sum(toFloat64(observation.2)) AS total,
    countIf(family = '') AS entries
FROM (
    SELECT
        toDateTime(toStartOfMonth(start_time), 'UTC') AS month,
        service,
        operation,
        provider,
        request_model,
        error_type,
        if(wrapper = 0 AND operation IN ($operations), [
            ('', toUInt64(0), true),
            ('input', input_tokens, input_tokens > 0),
            ('output', output_tokens, output_tokens > 0),
            ('duration', duration_ns, attributes['spanmeter.cache.hit'] != 'true'),
            ('first_chunk', first_chunk_ns, first_chunk_ns > 0)
        ], [('', toUInt64(0), true)]) AS observations
    FROM spans
    WHERE $where
) AS spans
ARRAY JOIN observations AS observation
WHERE observation.3
GROUP BY time, family, service, operation, provider, request_model, error_type, least_in

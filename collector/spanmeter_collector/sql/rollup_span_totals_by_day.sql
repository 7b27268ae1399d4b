-- What the spans of a day add to the exported histograms, with the least that is in the same bucket as each.
-- Cache hits asked no provider, so they took no operation's time.
-- What spans tell of caches stands in families of their own, which are sums: hits, misses, and what hits saved in 1e-12
-- US dollars, by the name of the cache in place of the model. A hit that names no cache was one of a model's answers.
SELECT
    day AS time,
    observation.1 AS family,
    if(family = '', '', spans.service) AS service,
    if(family = '' OR startsWith(family, 'cache_'), '', spans.operation) AS operation,
    if(family = '' OR startsWith(family, 'cache_'), '', spans.provider) AS provider,
    multiIf(family = '', '', startsWith(family, 'cache_'), cache, spans.request_model) AS request_model,
    if(family = 'duration', spans.error_type, '') AS error_type,
    toUInt64(multiIf(
        startsWith(family, 'cache_'), 0,
        family IN ('input', 'output'), roundDown(observation.2, $tokens),
        roundDown(observation.2, $durations)
    )) AS least_in,
    countIf(family != '') AS observed,
    sum(toFloat64(observation.2)) AS total,
    countIf(family = '') AS entries
FROM (
    SELECT
        toStartOfDay(start_time) AS day,
        service,
        operation,
        provider,
        request_model,
        error_type,
        multiIf(
            operation != 'cache' AND operation NOT IN ($operations), '',
            attributes['spanmeter.cache.name'] != '', attributes['spanmeter.cache.name'],
            attributes['spanmeter.cache.hit'] = 'true', 'llm',
            ''
        ) AS cache,
        arrayConcat(if(wrapper = 0 AND operation IN ($operations), [
            ('', toUInt64(0), true),
            ('input', input_tokens, input_tokens > 0),
            ('output', output_tokens, output_tokens > 0),
            ('duration', duration_ns, attributes['spanmeter.cache.hit'] != 'true'),
            ('first_chunk', first_chunk_ns, first_chunk_ns > 0)
        ], [('', toUInt64(0), true)]), if(cache = '', [], [
            ('cache_hits', toUInt64OrDefault(attributes['spanmeter.cache.hits'], toUInt64(attributes['spanmeter.cache.result'] != 'miss')), true),
            ('cache_misses', toUInt64OrDefault(attributes['spanmeter.cache.misses'], toUInt64(attributes['spanmeter.cache.result'] = 'miss')), true),
            (
                'cache_saved',
                toUInt64(least(greatest(toDecimal128OrZero(attributes['spanmeter.cache.saved_usd'], 12), 0), 1000000) * 1000000000000),
                true
            )
        ])) AS observations
    FROM spans
    WHERE $where
) AS spans
ARRAY JOIN observations AS observation
WHERE observation.3
GROUP BY time, family, service, operation, provider, request_model, error_type, least_in

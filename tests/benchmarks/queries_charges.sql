-- The ledger of a day's calls: an entry with the counts and one for each component, priced by the model's number.
-- Two models have no known price, one call of a hundred was answered by a cache, one of two hundred was corrected.
INSERT INTO charges (
    time, recorded_at, entry, trace_id, span_id, component, calls, failed_calls, cache_hits, unpriced_calls,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, quantity, unit, usd_per_unit, usd, grade,
    price_version, service, framework, operation, provider, model, user, session, tenant, feature, team, tags
)
WITH
    toUInt32OrZero(substring(model, 7)) AS asked,
    asked IN (11, 23) AS unpriced,
    status = 'error' AS failed,
    NOT failed AND cityHash64(span_id, 'hit') % 100 = 0 AS hit,
    NOT failed AND NOT hit AS answered,
    toDecimal128(15 + asked * asked * 5, 12) / 100000000 AS price,
    CAST(
        [('call', answered), ('input', input_tokens - cached_input_tokens), ('cache_read', cached_input_tokens),
         ('output', output_tokens - reasoning_tokens), ('reasoning', reasoning_tokens)],
        'Array(Tuple(String, Int64))'
    ) AS parts,
    arrayFilter(part -> part.1 = 'call' OR answered AND part.2 > 0, parts) AS billed,
    if(answered AND cityHash64(span_id, 'corrected') % 200 = 0, ['charge', 'reversal', 'charge'], ['charge']) AS entries
SELECT
    start_time AS time,
    received_at AS recorded_at,
    is AS entry,
    trace_id,
    span_id,
    part.1 AS component,
    if(part.1 = 'call', answered * sign, 0) AS calls,
    if(part.1 = 'call', failed * sign, 0) AS failed_calls,
    if(part.1 = 'call', hit * sign, 0) AS cache_hits,
    if(part.1 = 'call' AND unpriced, answered * sign, 0) AS unpriced_calls,
    if(part.1 IN ('input', 'cache_read'), part.2 * sign, 0) AS input_tokens,
    if(part.1 = 'cache_read', part.2 * sign, 0) AS cached_input_tokens,
    if(part.1 IN ('output', 'reasoning'), part.2 * sign, 0) AS output_tokens,
    if(part.1 = 'reasoning', part.2 * sign, 0) AS reasoning_tokens,
    part.2 * sign AS quantity,
    if(part.1 = 'call', 'call', 'token') AS unit,
    if(unpriced OR part.1 = 'call', NULL, toDecimal128(price * rate, 18)) AS usd_per_unit,
    multiIf(unpriced AND answered, NULL, part.1 = 'call', toDecimal128(0, 12), price * rate * part.2 * sign) AS usd,
    multiIf(NOT answered, '', unpriced, 'unpriced', asked = 30, 'reported', asked = 31, 'estimated', 'computed') AS grade,
    if(answered, {version:String}, '') AS price_version,
    service, framework, operation, provider, model, user, session, tenant, feature, team,
    map('branch', attributes['spanmeter.tag.branch']) AS tags
FROM (
    SELECT *, arrayJoin(entries) AS is, arrayJoin(billed) AS part, if(is = 'reversal', -1, 1) AS sign,
        transform(part.1, ['cache_read', 'output', 'reasoning'], [1, 8, 8], 2) AS rate
    FROM spans
    WHERE start_time >= fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND start_time < fromUnixTimestamp64Nano({until:Int64}, 'UTC')
      AND operation IN ('chat', 'embeddings')
)

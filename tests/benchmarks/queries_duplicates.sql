-- One span of a hundred was not counted, and one such find of a hundred was withdrawn.
INSERT INTO duplicates (
    time, recorded_at, entry, reason, trace_id, span_id, counted_span_id, service, scope, name, operation, provider,
    model, input_tokens, output_tokens, usd
)
SELECT
    start_time AS time,
    received_at AS recorded_at,
    arrayJoin(if(cityHash64(span_id, 'withdrawn') % 100 = 0, ['found', 'withdrawn'], ['found'])) AS entry,
    ['same_span', 'same_response', 'inside_call', 'same_interval'][1 + cityHash64(span_id, 'reason') % 4] AS reason,
    trace_id, span_id, parent_span_id AS counted_span_id, service, scope, name, operation, provider, model,
    input_tokens, output_tokens,
    toDecimal128(input_tokens, 12) / 1000000 AS usd
FROM spans
WHERE start_time >= fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND start_time < fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND cityHash64(span_id, 'twice') % 100 = 0

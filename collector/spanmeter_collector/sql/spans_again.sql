-- Stored spans, with what says what they cost and to whom, to be charged after all or again.
SELECT
    trace_id,
    span_id,
    parent_span_id,
    toUnixTimestamp64Nano(spans.start_time) AS start_time,
    duration_ns,
    toUnixTimestamp64Milli(spans.received_at) AS received_at,
    '' AS name,
    '' AS kind,
    status,
    '' AS status_message,
    '' AS error_type,
    service,
    instance,
    scope,
    framework,
    operation,
    provider,
    request_model,
    model,
    '' AS response_id,
    user,
    session,
    tenant,
    feature,
    team,
    wrapper,
    input_tokens,
    cached_input_tokens,
    output_tokens,
    reasoning_tokens,
    first_chunk_ns,
    mapFilter((key, said) -> key IN {keys:Array(String)} OR startsWith(key, {tags:String}), spans.attributes) AS attributes,
    map() AS resource,
    '[]' AS events
FROM spans
WHERE spans.start_time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))
  AND span_id IN (SELECT toFixedString(unhex(arrayJoin({span_ids:Array(String)})), 8))
LIMIT 1 BY trace_id, span_id

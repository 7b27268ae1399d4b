-- Every span of one trace, once each however often it was sent.
SELECT
    lower(hex(span_id)) AS span,
    if(parent_span_id = toFixedString('', 8), '', lower(hex(parent_span_id))) AS parent,
    name,
    operation,
    framework,
    service,
    scope,
    provider,
    model,
    toUnixTimestamp64Nano(start_time) AS start_ns,
    duration_ns,
    status,
    error_type,
    first_chunk_ns,
    wrapper,
    attributes,
    events
FROM spans
WHERE trace_id = toFixedString(unhex({trace_id:String}), 16)
ORDER BY start_time, span_id
LIMIT 1 BY span_id
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

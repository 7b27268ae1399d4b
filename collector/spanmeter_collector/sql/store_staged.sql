-- Store the staged spans that Python is not to read, with what it measured of those that the engine does not count, and without those left out.
INSERT INTO spans (
    trace_id, span_id, parent_span_id, start_time, duration_ns, received_at, name, kind, status, status_message,
    error_type, service, instance, scope, framework, operation, provider, request_model, model, response_id,
    user, session, tenant, feature, team, wrapper,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, first_chunk_ns,
    attributes, resource, events
)
SETTINGS max_threads = 1, $settings
SELECT
    trace_id, span_id, parent_span_id, fromUnixTimestamp64Nano(start_ns, 'UTC'), duration_ns,
    fromUnixTimestamp64Milli(received_at, 'UTC'), name, kind, status, status_message,
    error_type, service, instance, scope, framework, operation, provider, request_model, model, response_id,
    user, session, tenant, feature, team, wrapper,
    if(counted, toUInt64(input + cached), told.input_tokens),
    if(counted, toUInt64(cache_read), told.cached_input_tokens),
    if(counted, toUInt64(output + reasoning), told.output_tokens),
    if(counted, toUInt64(reasoning), told.reasoning_tokens),
    if(counted, staged_rows.first_chunk_ns, told.first_chunk_ns),
    attributes, resource, '[]'
FROM staged_rows
ANY LEFT JOIN file({measured:String}, 'RowBinary', '
    number UInt32,
    input_tokens UInt64,
    cached_input_tokens UInt64,
    output_tokens UInt64,
    reasoning_tokens UInt64,
    first_chunk_ns UInt64
') AS told USING (number)
WHERE NOT telling AND number NOT IN {left_out:Array(UInt32)}

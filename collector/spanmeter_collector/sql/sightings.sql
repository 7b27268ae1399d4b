-- What the spans of these traces, started in a period, say of calls.
SELECT
    trace_id,
    span_id,
    parent_span_id,
    toUnixTimestamp64Nano(start_time) AS start,
    start + toInt64(least(duration_ns, 4291747200000000000 - start)) AS end,
    service,
    instance,
    scope,
    name,
    status,
    operation,
    provider,
    request_model,
    model,
    response_id,
    input_tokens,
    cached_input_tokens,
    output_tokens,
    reasoning_tokens,
    attributes['spanmeter.instrumented'] = 'true'
        AND (
            startsWith(attributes['langsmith.metadata.ls_integration'], 'langchain')
            OR startsWith(attributes['gen_ai.completion'], '{"generations":[[')
                AND NOT mapContains(attributes, 'langsmith.metadata.ls_integration')
                AND NOT mapContains(attributes, 'langsmith.metadata.ls_method')
        ) AS counted_run,
    multiIf(wrapper, 'wrapper', counted_run OR attributes['spanmeter.inside_call'] = 'true', 'inside_call', '') AS mark
FROM spans
WHERE start_time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))
LIMIT 1 BY trace_id, span_id

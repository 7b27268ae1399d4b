-- Spans in the shape of an application's: traces of eight steps, two of them calls, busier by day than by night.
-- Tenants have users, forty services have two features each, which use a few of forty models. All of it follows from the number.
INSERT INTO spans (
    trace_id, span_id, parent_span_id, start_time, duration_ns, received_at, name, kind, status, status_message,
    error_type, service, instance, scope, framework, operation, provider, request_model, model, response_id, user,
    session, tenant, feature, team, wrapper, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens,
    first_chunk_ns, attributes, resource, events
)
WITH
    intDiv(number, 8) AS trace,
    number % 8 AS step,
    cityHash64(trace, 'trace') AS chance,
    cityHash64(number, 'span') AS own,
    toUInt32(5000 * pow((chance % 1000003) / 1000003, 3)) AS person,
    toUInt32(40 * pow((cityHash64(trace, 'service') % 10007) / 10007, 2)) AS served_by,
    served_by * 2 + cityHash64(trace, 'feature') % 2 AS featured,
    multiIf(step = 3, 'embeddings', step = 6, 'chat', step = 2, 'retrieval', step = 5, 'execute_tool', 'chain') AS does,
    does IN ('embeddings', 'chat') AS is_call,
    if(does = 'embeddings', served_by % 6, 6 + (served_by * 7 + featured % 2 + own % 3) % 34) AS asked,
    is_call AND cityHash64(number, 'failed') % 100 = 0 AS failed,
    (trace + (chance % 1000) / 1000) / {per_day:UInt32} * 8 AS days,
    floor(days) + (days - floor(days)) - 0.1 * sin(2 * pi() * days) AS warped,
    if(is_call AND NOT failed, 200 + own % 6000, 0) AS tokens_in,
    if(does = 'chat' AND NOT failed, 20 + intDiv(own, 6000) % 800, 0) AS tokens_out
SELECT
    unhex(concat(hex(chance), hex(cityHash64(trace, 'id')))) AS trace_id,
    unhex(hex(own)) AS span_id,
    if(step = 0, toFixedString('', 8), toFixedString(unhex(hex(cityHash64(number - step, 'span'))), 8)) AS parent_span_id,
    fromUnixTimestamp64Nano({since:Int64} + toInt64(warped * 86400e9) + step * 150000000 + own % 90000000, 'UTC') AS start_time,
    toUInt64(multiIf(step = 0, 3000, is_call, 900, 40) * 1000000 * exp(3 * (intDiv(own, 1000) % 1000) / 1000 - 1.5)) AS duration_ns,
    fromUnixTimestamp64Milli(intDiv(toUnixTimestamp64Nano(start_time) + duration_ns, 1000000) + 900, 'UTC') AS received_at,
    if(is_call, concat(does, ' ', request_model), concat('step ', toString((featured * 8 + step) % 97))) AS name,
    if(is_call, 'client', 'internal') AS kind,
    if(failed, 'error', 'ok') AS status,
    '' AS status_message,
    if(failed, 'RateLimitError', '') AS error_type,
    concat('service-', toString(served_by)) AS service,
    concat('pod-', toString(served_by * 4 + chance % 4)) AS instance,
    if(served_by % 2 = 0, 'spanmeter.langchain', 'spanmeter.llama_index') AS scope,
    if(served_by % 2 = 0, 'langchain', 'llama_index') AS framework,
    does AS operation,
    if(is_call, ['openai', 'anthropic', 'aws.bedrock', 'gcp.gemini', 'mistral_ai'][1 + asked % 5], '') AS provider,
    if(is_call, concat('model-', toString(asked)), '') AS request_model,
    request_model AS model,
    if(is_call, concat('chatcmpl-', lower(hex(own))), '') AS response_id,
    concat('user-', toString(person)) AS user,
    concat('session-', toString(person), '-', toString(intDiv(trace, 4000))) AS session,
    concat('tenant-', toString(person % 50)) AS tenant,
    concat('feature-', toString(featured)) AS feature,
    concat('team-', toString(served_by % 8)) AS team,
    0 AS wrapper,
    tokens_in AS input_tokens,
    intDiv(tokens_in, 4) * (asked % 3 = 0) AS cached_input_tokens,
    tokens_out AS output_tokens,
    intDiv(tokens_out, 5) * (asked % 4 = 0) AS reasoning_tokens,
    if(does = 'chat' AND own % 2 = 0 AND NOT failed, intDiv(duration_ns, 5), 0) AS first_chunk_ns,
    if(
        is_call,
        map(
            'server.address', 'api.example.com', 'server.port', '443', 'gen_ai.request.temperature', '0.2',
            'gen_ai.request.max_tokens', '500', 'spanmeter.tag.branch', if(own % 20 = 0, 'canary', 'main')
        ),
        map(
            'app.step.index', toString(own % 1000), 'app.step.kind', 'step', 'app.count.a', '1',
            'spanmeter.tag.branch', if(own % 20 = 0, 'canary', 'main')
        )
    ) AS attributes,
    map('telemetry.sdk.language', 'python', 'host.name', concat('host-', toString(served_by))) AS resource,
    '[]' AS events
FROM numbers({first:UInt64}, {count:UInt64})

-- Of some staged spans what they measure, for Python to read, and all that says to whom and with whom they belong.
SELECT
    number,
    shape,
    said,
    trace_id,
    span_id,
    parent_span_id,
    start_ns,
    duration_ns,
    received_at,
    name,
    kind,
    status,
    status_message,
    error_type,
    service,
    instance,
    scope,
    framework,
    operation,
    provider,
    request_model,
    model,
    response_id,
    user,
    session,
    tenant,
    feature,
    team,
    wrapper
FROM staged_rows
WHERE number IN (SELECT number FROM file({numbers:String}, 'RowBinary', 'number UInt32'))
ORDER BY number

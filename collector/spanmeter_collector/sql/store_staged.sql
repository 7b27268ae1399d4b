-- Store the staged spans that Python is not to read, without those left out and without content.
INSERT INTO spans (
    trace_id, span_id, parent_span_id, start_time, duration_ns, received_at, name, kind, status, status_message,
    error_type, service, instance, scope, framework, operation, user, session, tenant, feature, team,
    attributes, resource, events
)
SELECT
    trace_id, span_id, parent_span_id, fromUnixTimestamp64Nano(start_ns, 'UTC'), duration_ns, received_at, name, kind,
    status, status_message, error_type, service, instance, scope, framework, operation, user, session, tenant, feature,
    team, $attributes, resource, '[]'
FROM staged
WHERE NOT telling AND number NOT IN {left_out:Array(UInt32)}
ORDER BY number

-- Of each staged span, in their order, its ids, who reads it, its start and end, its shape, and whether it has a tenant.
SELECT trace_id, span_id, telling, measured, counted, tenant != '', start_ns, start_ns + toInt64(duration_ns), shape
FROM staged_rows
ORDER BY number

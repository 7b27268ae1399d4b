-- Of each staged span, in their order, its ids, whether Python is to read it, and its start and end.
SELECT trace_id, span_id, telling, start_ns, start_ns + toInt64(duration_ns)
FROM staged_rows
ORDER BY number

-- The days of a month taken together, by the labels of the exported histograms.
SELECT
    toDateTime(toStartOfMonth(span_totals_by_day.time), 'UTC') AS time,
    family,
    service,
    operation,
    provider,
    request_model,
    error_type,
    least_in,
    sum(span_totals_by_day.observed) AS observed,
    sum(span_totals_by_day.total) AS total,
    sum(span_totals_by_day.entries) AS entries
FROM span_totals_by_day
WHERE $where
GROUP BY time, family, service, operation, provider, request_model, error_type, least_in

-- How many operations there were in each bucket of some histograms since the store began, and their sum.
SELECT
    family,
    service,
    operation,
    provider,
    request_model,
    error_type,
    least_in,
    sum(span_totals.observed) AS observed,
    sum(span_totals.total) AS total
FROM span_totals
WHERE family != ''
GROUP BY family, service, operation, provider, request_model, error_type, least_in
ORDER BY service, operation, provider, request_model, family, error_type, least_in
SETTINGS max_execution_time = 30

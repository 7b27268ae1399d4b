-- What a page of traces did, from the first on until the day after the period, and what they cost by the ledger.
-- The ids are a subquery because only a set built before the scan lets the index on trace_id skip granules.
WITH
    fromUnixTimestamp64Nano({first:Int64}, 'UTC') AS first,
    fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 DAY AS last,
    toFixedString('', 8) AS no_parent
SELECT
    lower(hex(trace_id)) AS trace,
    end_ns,
    name,
    service,
    span_count,
    errors,
    ifNull(ledger.calls, 0) AS calls,
    ifNull(ledger.failed_calls, 0) AS failed_calls,
    ifNull(ledger.cache_hits, 0) AS cache_hits,
    ifNull(ledger.input_tokens, 0) AS input_tokens,
    ifNull(ledger.output_tokens, 0) AS output_tokens,
    if(ledger.found = 0, 0, ledger.cost_usd) AS cost_usd,
    ifNull(ledger.unpriced_calls, 0) AS unpriced_calls,
    frameworks,
    models,
    user,
    session,
    tenant,
    feature
FROM (
    SELECT
        trace_id,
        max(toUnixTimestamp64Nano(start_time) + spans.duration_ns) AS end_ns,
        argMin(spans.name, (parent_span_id != no_parent, start_time)) AS name,
        argMin(spans.service, (parent_span_id != no_parent, start_time)) AS service,
        count() AS span_count,
        countIf(status = 'error') AS errors,
        arraySort(groupUniqArrayIf(framework, framework != '')) AS frameworks,
        arraySort(groupUniqArrayIf(model, model != '')) AS models,
        argMinIf(spans.user, start_time, spans.user != '') AS user,
        argMinIf(spans.session, start_time, spans.session != '') AS session,
        argMinIf(spans.tenant, start_time, spans.tenant != '') AS tenant,
        argMinIf(spans.feature, start_time, spans.feature != '') AS feature
    FROM spans
    WHERE start_time >= first AND start_time < last AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({traces:Array(String)})), 16))
    GROUP BY trace_id
) AS seen
LEFT JOIN (
    SELECT
        trace_id,
        sum(charges.calls) AS calls,
        sum(charges.failed_calls) AS failed_calls,
        sum(charges.cache_hits) AS cache_hits,
        sum(charges.input_tokens) AS input_tokens,
        sum(charges.output_tokens) AS output_tokens,
        if(unpriced_calls > 0 AND unpriced_calls >= calls AND ifNull(sum(usd), 0) = 0, NULL, sum(usd)) AS cost_usd,
        sum(charges.unpriced_calls) AS unpriced_calls,
        1 AS found
    FROM charges
    WHERE time >= first AND time < last AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({traces:Array(String)})), 16))
    GROUP BY trace_id
) AS ledger ON ledger.trace_id = seen.trace_id
SETTINGS max_execution_time = 30

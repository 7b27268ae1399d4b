-- The bills of staged calls, equal to what bill.py makes of them; a call without a row of prices is an error.
INSERT INTO bills_1 (
    time, trace_id, span_id, recorded_at, calls, failed_calls, cache_hits, unpriced_calls, grade, price_version,
    service, framework, operation, provider, model, user, session, tenant, feature, team, counted_by, ended_at, tags,
    components, quantities, units, tokens, attos, picos
)
SETTINGS max_threads = 1, $settings
WITH
    [input, cache_read, cache_write_5m, cache_write_1h, output, reasoning] AS counts,
    arrayMap(count -> count > 0, counts) AS is_used,
    arrayFilter(count -> count > 0, counts) AS used,
    prices.attos[arrayCount(step -> input + cached > step, steps) + 1] AS prices_each,
    arrayFilter((atto, is) -> is, prices_each, is_used) AS attos_used,
    notEmpty(used) AND NOT has(attos_used, -1) AS priced,
    arrayMap((atto, count) -> toInt128(atto) * count, attos_used, used) AS amounts,
    arrayMap(
        amount -> toInt64(intDiv(amount, 1000000))
            + (amount % 1000000 > 500000 OR (amount % 1000000 = 500000 AND intDiv(amount, 1000000) % 2 = 1)),
        amounts
    ) AS rounded
SELECT
    fromUnixTimestamp64Nano(start_ns, 'UTC'),
    trace_id,
    span_id,
    fromUnixTimestamp64Milli({recorded_at:Int64}, 'UTC'),
    status != 'error' AS calls,
    status = 'error',
    0,
    if(priced, 0, calls),
    if(priced, prices.grade, 'unpriced'),
    {version:String},
    service, framework, operation, provider, model, user, session, tenant, feature, team,
    instance,
    fromUnixTimestamp64Milli(intDiv(start_ns + toInt64(duration_ns), 1000000), 'UTC'),
    tags,
    arrayPushFront(arrayFilter((bucket, is) -> is, {buckets:Array(String)}, is_used), 'call'),
    arrayPushFront(used, toInt64(calls)),
    arrayPushFront(arrayMap(count -> 'token', used), 'call'),
    arrayPushFront(arrayFilter((token, is) -> is, {tokens:Array(UInt8)}, is_used), 0),
    arrayPushFront(attos_used, -1),
    if(priced, arrayPushFront(rounded, 0), arrayWithConstant(length(used) + 1, -1))
FROM (
    SELECT *, intDiv(start_ns + toInt64(duration_ns), 86400000000000) AS day
    FROM staged_rows
    WHERE number IN (SELECT number FROM file({numbers:String}, 'RowBinary', 'number UInt32'))
) AS calls_staged
ANY LEFT JOIN prices USING (shape, day)
WHERE throwIf(empty(prices.attos), 'a staged call has no prices') = 0

-- The ledger in the columns of FOCUS 1.2: one row an hour for each price of each component, and for whom it was.
-- An entry that corrects an earlier billing period, which is a calendar month in UTC, belongs to the one it was made in.
WITH
    toStartOfMonth(charges.time) AS used_in,
    toStartOfMonth(charges.recorded_at) AS made_in,
    made_in > used_in AND (
        charges.entry = 'reversal'
        OR (trace_id, span_id, charges.recorded_at) IN (
            SELECT trace_id, span_id, recorded_at
            FROM charges
            WHERE charges.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND charges.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND charges.entry = 'reversal'
              AND toStartOfMonth(recorded_at) > toStartOfMonth(charges.time)
        )
    ) AS is_correction,
    toStartOfHour(charges.time) AS hour,
    if(is_correction, made_in, used_in) AS period,
    splitByChar('@', component, 2) AS label,
    if(length(label) = 2, label[2], model) AS sku_model,
    if(unit = 'token', 1000000, 1) AS pricing_size,
    if(provider = '', 'unknown', provider) AS named,
    transform(named, {providers:Array(String)}, {provider_names:Array(String)}, named) AS provider_name,
    concat(named, '/', sku_model, '/', label[1]) AS sku,
    concat(replaceAll(label[1], '_', ' '), if(unit = 'token' AND position(label[1], 'token') = 0, ' tokens', '')) AS meter,
    if(unit = 'search', 'Searches', concat(initcap(unit), 's')) AS units,
    mapApply((key, value) -> (concat('spanmeter/', key), value), mapFilter(
        (key, value) -> value != '', map('service', service, 'feature', feature, 'team', team)
    )) AS own_tags,
    sum(charges.usd) AS cost,
    toDecimal128(sum(charges.quantity), 6) AS used,
    if(component = 'call', toDecimal128(cost, 18), toDecimal128(ifNull(charges.usd_per_unit, 0) * pricing_size, 18)) AS price,
    if(component = 'call', toDecimal128(1, 6), used / pricing_size) AS priced
SELECT
    $columns
FROM charges
WHERE charges.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND charges.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND charges.usd IS NOT NULL
  AND (component != 'call' OR charges.usd != 0)
  AND $filters
GROUP BY
    hour, is_correction, period, component, unit, charges.usd_per_unit, provider, model, operation, framework, service,
    tenant, feature, team, tags, grade, price_version
HAVING used != 0 OR cost != 0
ORDER BY hour
SETTINGS format_csv_null_representation = '', output_format_decimal_trailing_zeros = 1, optimize_aggregation_in_order = 1, max_execution_time = 0

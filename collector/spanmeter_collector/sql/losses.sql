-- What each process counted itself, and what of that the ledger holds.
--
-- Told: a counter grows from its start, so of one start only its greatest value counts, whatever came twice or out of
-- order; a process that starts anew under one id, or sends differences, has several starts, which add up.
-- Arrived: calls that ended until the last reading, both by the clock of the process. Calls that ended later are told
-- by a later reading. What is told until charges were dropped, or from before readings were kept, is in neither.
WITH
    fromUnixTimestamp64Milli({settled:Int64}, 'UTC') AS settled,
    (
        SELECT toDateTime64(max(addMonths(toDate(concat(partition, '01')), 1)), 9, 'UTC')
        FROM dropped
        WHERE dropped.name = 'charges'
    ) AS dropped_until,
    told AS (
        SELECT service, instance, readings.name AS name, sampled, reason, readings.start_time AS start_time, hour,
            readings.value AS value, readings.time AS time, first_received_at, received_at
        FROM readings
        WHERE hour < toStartOfHour(settled) AND name IN {names:Array(String)} AND $filters
        UNION ALL
        SELECT service, instance, counters.name AS name, attributes['spanmeter.sampled'] != 'false',
            attributes['spanmeter.reason'], counters.start_time, toStartOfHour(received_at),
            counters.value, counters.time, received_at, received_at
        FROM counters
        WHERE received_at >= toStartOfHour(settled) AND received_at <= settled AND name IN {names:Array(String)}
          AND $filters
    ),
    series AS (
        SELECT
            service,
            instance,
            told.name AS name,
            told.sampled AS sampled,
            told.reason AS reason,
            told.start_time AS start_time,
            max(told.value) AS total,
            max(told.time) AS told_until,
            min(told.first_received_at) AS first_heard,
            max(told.received_at) AS last_heard,
            told.start_time < dropped_until AS is_cut,
            greatest(
                maxIf(told.value, told.hour = toDateTime(0, 'UTC')),
                if(is_cut, minIf(told.value, told.time >= dropped_until), 0)
            ) AS base,
            greatest(
                maxIf(told.time, told.hour = toDateTime(0, 'UTC')),
                if(is_cut, minIf(told.time, told.time >= dropped_until), toDateTime64(0, 9, 'UTC'))
            ) AS base_until
        FROM told
        GROUP BY service, instance, name, sampled, reason, start_time
    ),
    processes AS (
        SELECT
            service,
            instance,
            min(start_time) AS started,
            uniqExactIf(start_time, name = 'spanmeter.client.calls' AND sampled) AS starts,
            min(first_heard) AS process_first_heard,
            max(last_heard) AS process_last_heard,
            max(told_until) AS process_told_until,
            max(base_until) AS process_base_until,
            sumIf(total - base, name = 'spanmeter.client.calls') AS told_calls,
            sumIf(total - base, name = 'spanmeter.client.failed_calls') AS told_failed_calls,
            sumIf(total - base, name = 'spanmeter.client.tokens') AS told_tokens,
            sumIf(total - base, name = 'spanmeter.client.cost_usd') AS told_usd,
            sumIf(total - base, name = 'spanmeter.client.calls' AND NOT sampled) AS unsampled_calls,
            sumIf(total - base, name = 'spanmeter.client.failed_calls' AND NOT sampled) AS unsampled_failed_calls,
            sumIf(total - base, name = 'spanmeter.client.tokens' AND NOT sampled) AS unsampled_tokens,
            sumIf(total - base, name = 'spanmeter.client.cost_usd' AND NOT sampled) AS unsampled_usd,
            sumIf(total, name = 'spanmeter.client.spans') AS spans,
            sumIf(total, name = 'spanmeter.client.exported_spans') AS exported_spans,
            sumMapIf(map(reason, total - base), name = 'spanmeter.client.dropped_spans' AND total > base) AS dropped_spans
        FROM series
        GROUP BY service, instance
        HAVING process_last_heard >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
           AND process_first_heard < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
           AND process_told_until >= dropped_until
    ),
    arrived AS (
        SELECT
            service,
            charges.counted_by AS instance,
            sum(charges.calls) AS arrived_calls,
            sum(charges.failed_calls) AS arrived_failed_calls,
            sum(charges.input_tokens + charges.output_tokens) AS arrived_tokens,
            ifNull(sum(charges.usd), 0) AS arrived_usd
        FROM charges
        INNER JOIN processes ON processes.service = charges.service AND processes.instance = charges.counted_by
        WHERE charges.time >= (SELECT min(started) FROM processes) - INTERVAL 1 DAY
          AND charges.counted_by IN (SELECT instance FROM processes)
          AND charges.ended_at <= processes.process_told_until
          AND charges.ended_at > processes.process_base_until
        GROUP BY service, instance
    )
SELECT
    processes.* EXCEPT (started, process_first_heard, process_last_heard, process_told_until, process_base_until),
    toUnixTimestamp64Nano(started) AS started_ns,
    toUnixTimestamp64Milli(process_last_heard) AS last_heard_ms,
    arrived_calls,
    arrived_failed_calls,
    arrived_tokens,
    arrived_usd
FROM processes
LEFT JOIN arrived ON arrived.service = processes.service AND arrived.instance = processes.instance
ORDER BY processes.service, processes.instance
SETTINGS max_execution_time = 30

-- The calls of a period, those together that any proposal treats alike, with what it needs of them: what they cost and
-- used, whom they asked and on which terms, in which half hour, which proposals name them, and the dearest of them.
-- Nothing here knows a price but the ledger's.
WITH
    -- Answered before by an equal call that had ended, since the cache was last emptied.
    repeated AS (
        SELECT trace_id, span_id
        FROM spans
        INNER JOIN (
            SELECT
                prompt_hash AS asked,
                intDiv(toUnixTimestamp64Milli(start_time), {ttl_ms:Int64}) AS stay,
                min(start_time) AS first,
                argMin(toUnixTimestamp64Nano(start_time) + toInt64(duration_ns), start_time) AS known_from_ns
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND prompt_hash != 0
              AND status NOT IN ('error', 'cancelled')
              AND $span_filters
            GROUP BY asked, stay
            HAVING count() > 1
        ) AS firsts
        ON firsts.asked = spans.prompt_hash AND firsts.stay = intDiv(toUnixTimestamp64Milli(spans.start_time), {ttl_ms:Int64})
        WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
          AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND prompt_hash != 0
          AND start_time > firsts.first
          AND toUnixTimestamp64Nano(start_time) >= firsts.known_from_ns
          AND $span_filters
    ),
    -- The last answer before the step that failed to parse it: beside that step, or below it.
    unparsed AS (
        SELECT answers.trace_id AS trace_id, argMax(answers.span_id, answers.start_time) AS span_id
        FROM (
            SELECT trace_id, span_id, parent_span_id, start_time, start_time + toIntervalNanosecond(duration_ns) AS ended
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR
              AND error_type IN {parse_errors:Array(String)}
              AND operation NOT IN {operations:Array(String)}
              AND (trace_id, span_id) NOT IN (
                  SELECT trace_id, parent_span_id
                  FROM spans
                  WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
                    AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR
                    AND error_type IN {parse_errors:Array(String)}
              )
        ) AS steps
        INNER JOIN (
            SELECT trace_id, span_id, parent_span_id, start_time, start_time + toIntervalNanosecond(duration_ns) AS ended
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR
              AND operation IN {operations:Array(String)}
              AND status NOT IN ('error', 'cancelled')
              AND trace_id IN (
                  SELECT trace_id
                  FROM spans
                  WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
                    AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR
                    AND error_type IN {parse_errors:Array(String)}
              )
        ) AS answers
        ON answers.trace_id = steps.trace_id
        WHERE answers.parent_span_id IN (steps.parent_span_id, steps.span_id) AND answers.ended <= steps.ended
        GROUP BY steps.trace_id, steps.span_id, answers.trace_id
    ),
    -- Wrote into the provider's cache what no other call read before it went: see cache_writes.sql.
    unread AS (
        SELECT
            trace_id,
            span_id,
            sumIf(quantity, component = 'cache_write_5m') AS tokens_5m,
            sumIf(quantity, component = 'cache_write_1h') AS tokens_1h
        FROM ($cache_writes) AS writes
        WHERE is_unread
        GROUP BY trace_id, span_id
    ),
    -- How long a beginning of its prompt was asked before, and will be asked again, before the provider forgets it.
    shared AS (
        SELECT trace_id, span_id, maxIf(level, since_last <= 300) AS read_level, maxIf(level, until_next BETWEEN 0 AND 300) AS write_level
        FROM (
            SELECT
                trace_id,
                span_id,
                level,
                dateDiff('second', lagInFrame(start_time) OVER asked, start_time) AS since_last,
                dateDiff('second', start_time, leadInFrame(start_time) OVER asked) AS until_next
            FROM spans
            ARRAY JOIN prompt_prefixes AS prefix, arrayEnumerate(prompt_prefixes) AS level
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 5 MINUTE
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 5 MINUTE
              AND prompt_hash != 0
              AND status != 'error'
            WINDOW asked AS (PARTITION BY prefix ORDER BY start_time, span_id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
        )
        GROUP BY trace_id, span_id
        HAVING read_level + write_level > 0
    ),
    paid AS (
        SELECT
            time,
            trace_id,
            span_id,
            any(charges.provider) AS provider,
            any(charges.model) AS model,
            any(charges.operation) AS operation,
            any(charges.tenant) AS tenant,
            max($offline) AS is_offline,
            max($swap) AS swap,
            max(greatest(toUnixTimestamp64Milli(ended_at), toUnixTimestamp64Milli(charges.time))) AS ended_ms,
            ended_ms - toUnixTimestamp64Milli(time) AS duration_ms,
            sum(charges.failed_calls) > 0 AS is_failed,
            argMaxIf(charges.grade, recorded_at, component = 'call' AND entry = 'charge') AS grade,
            sum(charges.usd) AS usd,
            sumMapIf([toString(component)], [charges.quantity], component != 'call') AS used,
            sum(charges.input_tokens) AS input_tokens,
            sum(charges.cached_input_tokens) AS cached_tokens,
            sum(charges.output_tokens) AS output_tokens
        FROM charges
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
          AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND charges.grade != ''
          AND $filters
        GROUP BY time, trace_id, span_id
        HAVING sumIf(if(entry = 'reversal', -1, 1), component = 'call') > 0
    ),
    calls AS (
        SELECT
            trace_id,
            span_id,
            provider,
            model,
            operation,
            tenant,
            is_offline,
            swap,
            ended_ms,
            duration_ms,
            grade,
            usd,
            used,
            input_tokens,
            output_tokens,
            service_tier,
            price_region,
            is_hashed,
            used.2[indexOf(used.1, 'input')] AS plain_tokens,
            (trace_id, span_id) IN (SELECT trace_id, span_id FROM repeated) AS is_repeated,
            multiIf(
                is_failed, 'failed',
                told.status = 'cancelled', 'aborted',
                (trace_id, span_id) IN (SELECT trace_id, span_id FROM unparsed), 'unparsed',
                ''
            ) AS waste,
            unread.tokens_5m AS unread_5m,
            unread.tokens_1h AS unread_1h,
            if(operation = 'embeddings' AND told.prompt_bytes > 0, intDiv(plain_tokens * least(told.repeated_bytes, told.prompt_bytes), told.prompt_bytes), 0)
                AS repeated_tokens,
            if({input_limit:Int64} > 0 AND operation IN {generations:Array(String)}, least(plain_tokens, greatest(0, input_tokens - {input_limit:Int64})), 0)
                AS beyond_tokens,
            arrayMap(
                level -> if(level = 0, 0, intDiv(intDiv(input_tokens * least(bitShiftLeft(2048, level), told.prompt_bytes), told.prompt_bytes), 128) * 128),
                [shared.read_level, shared.write_level]
            ) AS prefix_tokens,
            if(prefix_tokens[1] < 1024, 0, least(plain_tokens, greatest(0, prefix_tokens[1] - cached_tokens))) AS read_tokens,
            if(prefix_tokens[2] < 1024, 0, least(plain_tokens - read_tokens, greatest(0, prefix_tokens[2] - greatest(prefix_tokens[1], cached_tokens))))
                AS write_tokens
        FROM paid
        LEFT ANY JOIN (
            SELECT
                start_time,
                trace_id,
                span_id,
                status,
                prompt_hash != 0 AS is_hashed,
                prompt_bytes,
                repeated_bytes,
                service_tier,
                price_region
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND operation IN {operations:Array(String)}
        ) AS told USING (trace_id, span_id)
        LEFT ANY JOIN unread USING (trace_id, span_id)
        LEFT ANY JOIN shared USING (trace_id, span_id)
    )
SELECT
    arrayCount(start -> start <= ended_ms, {price_changes:Array(Int64)}) AS epoch,
    provider,
    model,
    operation,
    if(tenant IN {priced_tenants:Array(String)}, tenant, '') AS tenant,
    service_tier,
    price_region,
    arrayCount(threshold -> calls.input_tokens > threshold, {thresholds:Array(Int64)}) AS step,
    waste,
    is_repeated,
    is_offline,
    swap,
    grade = 'unpriced' AS is_unpriced,
    arrayExists(label -> position(label, '@') > 0, calls.used.1) AS is_in_parts,
    count() AS calls,
    countIf(is_hashed) AS hashed_calls,
    sum(calls.usd) AS usd,
    sumMap(calls.used) AS used,
    sum(calls.input_tokens) AS input_tokens,
    sum(calls.output_tokens) AS output_tokens,
    max(calls.input_tokens) AS longest,
    sum(calls.duration_ms) AS duration_ms,
    sum(calls.repeated_tokens) AS repeated_tokens,
    sum(calls.unread_5m) AS unread_5m,
    sum(calls.unread_1h) AS unread_1h,
    sum(calls.beyond_tokens) AS beyond_tokens,
    sum(calls.read_tokens) AS read_tokens,
    sum(calls.write_tokens) AS write_tokens,
    sum(least(calls.read_tokens, calls.plain_tokens - calls.beyond_tokens)) AS read_tokens_within,
    sum(least(calls.write_tokens, greatest(0, calls.plain_tokens - calls.beyond_tokens - calls.read_tokens))) AS write_tokens_within,
    countIf(calls.repeated_tokens > 0) AS repeated_calls,
    countIf(calls.unread_5m + calls.unread_1h > 0) AS unread_calls,
    countIf(calls.beyond_tokens > 0) AS beyond_calls,
    countIf(calls.read_tokens + calls.write_tokens > 0) AS shared_calls,
    groupArrayLast(3)(example) AS examples,
    groupArrayLastIf(3)(example, calls.repeated_tokens > 0) AS repeated_examples,
    groupArrayLastIf(3)(example, calls.unread_5m + calls.unread_1h > 0) AS unread_examples,
    groupArrayLastIf(3)(example, calls.beyond_tokens > 0) AS beyond_examples,
    groupArrayLastIf(3)(example, calls.read_tokens > 0) AS shared_examples
FROM (SELECT *, (usd, trace_id, span_id) AS example FROM calls) AS calls
GROUP BY ALL
SETTINGS max_execution_time = 30

-- The calls of a period that any proposal is about, those together that all treat alike, with what they need of them:
-- what they cost and used, whom they asked and on which terms, which prices held, which proposals name them, and the
-- dearest of them. First the calls are found, from a few columns of spans and ledger each; what was paid is read for
-- them alone. Nothing here knows a price but the ledger's.
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
            ARRAY JOIN asked_prefixes AS prefix, arrayEnumerate(asked_prefixes) AS level
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 5 MINUTE
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 5 MINUTE
              AND prompt_hash != 0
              AND status != 'error'
            WINDOW asked AS (PARTITION BY prefix ORDER BY start_time, span_id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
        )
        GROUP BY trace_id, span_id
        HAVING read_level + write_level > 0
    ),
    -- How many bytes of documents beyond the first of its search a call was asked with: of the last step of its trace that
    -- found or left any before the call began, where the prompt is long enough to hold them all.
    supplied AS (
        SELECT trace_id, span_id, found.surplus_bytes AS surplus_bytes
        FROM (
            SELECT trace_id, span_id, start_time, asked_bytes
            FROM spans
            WHERE {top_k:Int64} > 0
              AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND operation IN {generations:Array(String)}
              AND asked_bytes > 0
        ) AS asking
        ASOF INNER JOIN (
            SELECT
                trace_id,
                start_time + toIntervalNanosecond(duration_ns) AS ended,
                arraySum(document_bytes) AS bytes,
                arraySum(arraySlice(document_bytes, {top_k:Int64} + 1)) AS surplus_bytes
            FROM spans
            WHERE {top_k:Int64} > 0
              AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND notEmpty(document_bytes)
        ) AS found
        ON found.trace_id = asking.trace_id AND found.ended <= asking.start_time
        WHERE found.surplus_bytes > 0 AND found.bytes <= asking.asked_bytes
    ),
    -- Every call that a proposal is about, once, with what is known of it by now.
    touched AS (
        SELECT
            trace_id,
            reinterpretAsUInt64(span_id) AS number,
            max(repeated) AS is_repeated,
            max(unparsed) AS is_unparsed,
            max(offline) AS is_offline,
            max(swapped) AS swap,
            max(tokens_5m) AS unread_5m,
            max(tokens_1h) AS unread_1h,
            max(read_level) AS read_prefix,
            max(write_level) AS write_prefix,
            max(surplus) AS surplus_bytes
        FROM (
            SELECT trace_id, span_id, 1 AS repeated, 0 AS unparsed, 0 AS offline, 0 AS swapped, 0 AS tokens_5m, 0 AS tokens_1h, 0 AS read_level, 0 AS write_level, 0 AS surplus
            FROM repeated
            UNION ALL
            SELECT trace_id, span_id, 0, 1, 0, 0, 0, 0, 0, 0, 0 FROM unparsed
            UNION ALL
            SELECT trace_id, span_id, 0, 0, 0, 0, tokens_5m, tokens_1h, 0, 0, 0 FROM unread
            UNION ALL
            SELECT trace_id, span_id, 0, 0, 0, 0, 0, 0, read_level, write_level, 0 FROM shared
            UNION ALL
            SELECT trace_id, span_id, 0, 0, 0, 0, 0, 0, 0, 0, surplus_bytes FROM supplied
            UNION ALL
            -- Given up, or embedded in part before.
            SELECT trace_id, span_id, 0, 0, 0, 0, 0, 0, 0, 0, 0
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND (status = 'cancelled' OR asked_before_bytes > 0)
              AND operation IN {operations:Array(String)}
            UNION ALL
            -- Failed, or named by the question.
            SELECT trace_id, span_id, 0, 0, ($offline), $swap, 0, 0, 0, 0, 0
            FROM charges
            WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND component = 'call'
              AND charges.grade != ''
              AND (charges.failed_calls > 0 OR ($offline) OR $swap > 0)
              AND $filters
            UNION ALL
            SELECT trace_id, span_id, 0, 0, 1, 0, 0, 0, 0, 0, 0
            FROM charges
            PREWHERE component = 'call' AND has(charges.tags.keys, 'offline')
            WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND charges.grade != ''
              AND lower(charges.tags['offline']) IN ('true', 'yes', '1')
              AND $filters
            UNION ALL
            -- Longer than they should be.
            SELECT trace_id, span_id, 0, 0, 0, 0, 0, 0, 0, 0, 0
            FROM charges
            WHERE {input_limit:Int64} > 0
              AND time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND operation IN {generations:Array(String)}
              AND charges.grade != ''
              AND $filters
            GROUP BY time, trace_id, span_id
            HAVING sum(charges.input_tokens) > {input_limit:Int64}
        )
        GROUP BY trace_id, number
    ),
    paid AS (
        SELECT
            time,
            charges.trace_id AS trace_id,
            charges.span_id AS span_id,
            any(charges.provider) AS provider,
            any(charges.model) AS model,
            any(charges.operation) AS operation,
            any(charges.tenant) AS tenant,
            any(touched.is_repeated) AS is_repeated,
            any(touched.is_unparsed) AS is_unparsed,
            any(touched.is_offline) AS is_offline,
            any(touched.swap) AS swap,
            any(touched.unread_5m) AS unread_5m,
            any(touched.unread_1h) AS unread_1h,
            any(touched.read_prefix) AS read_prefix,
            any(touched.write_prefix) AS write_prefix,
            any(touched.surplus_bytes) AS surplus_bytes,
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
        INNER JOIN touched ON touched.number = reinterpretAsUInt64(charges.span_id)  -- looked up in half the time
        WHERE touched.trace_id = charges.trace_id
          AND time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
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
            is_repeated,
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
            unread_5m,
            unread_1h,
            used.2[indexOf(used.1, 'input')] AS plain_tokens,
            multiIf(is_failed, 'failed', told.status = 'cancelled', 'aborted', is_unparsed, 'unparsed', '') AS waste,
            if(operation = 'embeddings' AND told.asked_bytes > 0, intDiv(plain_tokens * least(told.asked_before_bytes, told.asked_bytes), told.asked_bytes), 0)
                AS repeated_tokens,
            if({input_limit:Int64} > 0 AND operation IN {generations:Array(String)}, least(plain_tokens, greatest(0, input_tokens - {input_limit:Int64})), 0)
                AS beyond_tokens,
            if(told.asked_bytes > 0, least(plain_tokens, intDiv(input_tokens * least(surplus_bytes, told.asked_bytes), told.asked_bytes)), 0) AS surplus_tokens,
            greatest(beyond_tokens, surplus_tokens) AS cut_tokens,
            arrayMap(
                level -> if(level = 0, 0, intDiv(intDiv(input_tokens * least(bitShiftLeft(2048, level), told.asked_bytes), told.asked_bytes), 128) * 128),
                [read_prefix, write_prefix]
            ) AS prefix_tokens,
            if(prefix_tokens[1] < 1024, 0, least(plain_tokens, greatest(0, prefix_tokens[1] - cached_tokens))) AS read_tokens,
            if(prefix_tokens[2] < 1024, 0, least(plain_tokens - read_tokens, greatest(0, prefix_tokens[2] - greatest(prefix_tokens[1], cached_tokens))))
                AS write_tokens
        FROM (
            SELECT trace_id, span_id, status, asked_bytes, asked_before_bytes, asked_tier AS service_tier, asked_region AS price_region
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND operation IN {operations:Array(String)}
              AND (status = 'cancelled' OR asked_bytes > 0 OR asked_tier != '' OR asked_region != '')
        ) AS told
        RIGHT ANY JOIN paid USING (trace_id, span_id)
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
    calls.repeated_tokens > 0 AS is_known_in_part,
    calls.unread_5m + calls.unread_1h > 0 AS is_unread,
    calls.surplus_tokens > 0 AS is_supplied,
    calls.beyond_tokens > 0 AS is_beyond,
    calls.read_tokens + calls.write_tokens > 0 AS is_shared,
    count() AS calls,
    sum(calls.usd) AS usd,
    sumMap(calls.used) AS used,
    sum(calls.input_tokens) AS input_tokens,
    sum(calls.output_tokens) AS output_tokens,
    max(calls.input_tokens) AS longest,
    sum(calls.duration_ms) AS duration_ms,
    sum(calls.repeated_tokens) AS repeated_tokens,
    sum(calls.unread_5m) AS unread_5m,
    sum(calls.unread_1h) AS unread_1h,
    sum(calls.surplus_tokens) AS surplus_tokens,
    sum(calls.beyond_tokens) AS beyond_tokens,
    sum(calls.cut_tokens - calls.surplus_tokens) AS beyond_tokens_within,
    sum(calls.read_tokens) AS read_tokens,
    sum(calls.write_tokens) AS write_tokens,
    sum(least(calls.read_tokens, calls.plain_tokens - calls.cut_tokens)) AS read_tokens_within,
    sum(least(calls.write_tokens, greatest(0, calls.plain_tokens - calls.cut_tokens - calls.read_tokens))) AS write_tokens_within,
    groupArrayLast(3)((calls.usd, calls.trace_id, calls.span_id)) AS examples
FROM calls
GROUP BY ALL
SETTINGS max_execution_time = 30, optimize_aggregation_in_order = 1

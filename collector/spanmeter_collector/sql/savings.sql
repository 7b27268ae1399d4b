-- The calls of a period, those together that all proposals treat alike, with what these need of them: what they cost and
-- used, whom they asked and on which terms, which prices held, which proposals name them, and of each the dearest. Ledger
-- and spans are read in the order they are stored in, which takes no table of millions of calls; what is known of few is
-- looked up. Nothing here knows a price but the ledger's.
WITH
    -- Answered before by an equal call that had ended, since the cache was last emptied.
    repeated AS (
        SELECT trace_id, span_id
        FROM (
            SELECT trace_id, span_id, start_time, prompt_hash AS asked, intDiv(toUnixTimestamp64Milli(start_time), {ttl_ms:Int64}) AS stay
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND prompt_hash != 0
              AND $span_filters
        ) AS again
        INNER JOIN (
            SELECT
                prompt_hash AS asked,
                intDiv(toUnixTimestamp64Milli(start_time), {ttl_ms:Int64}) AS stay,
                argMin(toUnixTimestamp64Nano(start_time) + toInt64(greatest(1, duration_ns)), start_time) AS known_from_ns
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND prompt_hash != 0
              AND status NOT IN ('error', 'cancelled')
              AND $span_filters
            GROUP BY asked, stay
            HAVING count() > 1
        ) AS firsts
        ON firsts.asked = again.asked AND firsts.stay = again.stay
        WHERE toUnixTimestamp64Nano(start_time) >= firsts.known_from_ns
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
        SELECT trace_id, span_id, if(since_last <= 300, level, 0) AS read_level, if(until_next BETWEEN 0 AND 300, level, 0) AS write_level
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
        WHERE read_level + write_level > 0
    ),
    -- What was found for calls: documents' lengths, by the steps that found or left any. What a step put together is its.
    found AS (
        SELECT
            trace_id,
            arraySort(step -> step.2, groupArray((
                toUnixTimestamp64Nano(start_time),
                toUnixTimestamp64Nano(start_time) + toInt64(duration_ns),
                operation,
                span_id,
                parent_span_id,
                arraySum(document_bytes),
                arraySum(arraySlice(document_bytes, {top_k:Int64} + 1))
            ))) AS steps,
            arrayFilter(
                step -> NOT arrayExists(
                    other -> other.4 != step.4 AND (other.4 = step.5 OR (other.3 != 'retrieval' AND other.1 <= step.1 AND step.2 <= other.2)),
                    steps
                ),
                steps
            ) AS outer_steps
        FROM spans
        WHERE {top_k:Int64} > 0
          AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
          AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND notEmpty(document_bytes)
        GROUP BY trace_id
    ),
    -- How many bytes of documents beyond the first of each search a call was asked with: of the steps that ended before it
    -- began and since the call before the last of them; of these, what the last choice left and what was found since.
    supplied AS (
        SELECT trace_id, span_id, surplus_bytes
        FROM (
            SELECT
                asking.trace_id AS trace_id,
                asking.span_id AS span_id,
                asking.asked_bytes AS asked_bytes,
                arrayFilter(step -> step.2 <= asking.began, found.outer_steps) AS before,
                arrayMax(arrayFilter(other -> other < before[-1].2, others.began)) AS called_before,
                arrayFilter(step -> step.2 > called_before, before) AS recent,
                arrayMax(arrayMap(step -> if(step.3 IN ('postprocess', 'rerank'), step.1, 0), recent)) AS chosen,
                arrayFilter(step -> step.2 > chosen, recent) AS given,
                arraySum(arrayMap(step -> step.6, given)) AS bytes,
                arraySum(arrayMap(step -> step.7, given)) AS surplus_bytes
            FROM (
                SELECT trace_id, span_id, toUnixTimestamp64Nano(start_time) AS began, asked_bytes
                FROM spans
                WHERE {top_k:Int64} > 0
                  AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
                  AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
                  AND operation IN {generations:Array(String)}
                  AND asked_bytes > 0
            ) AS asking
            INNER JOIN found ON found.trace_id = asking.trace_id
            ANY LEFT JOIN (
                SELECT trace_id, groupArray(toUnixTimestamp64Nano(start_time)) AS began
                FROM spans
                WHERE {top_k:Int64} > 0
                  AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
                  AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
                  AND operation IN {generations:Array(String)}
                GROUP BY trace_id
            ) AS others ON others.trace_id = asking.trace_id
        )
        WHERE surplus_bytes > 0 AND bytes <= asked_bytes
    ),
    -- What is known of some calls, each once.
    marks AS (
        SELECT
            trace_id,
            span_id,
            max(repeated) AS is_repeated,
            max(unparsed) AS is_unparsed,
            max(tokens_5m) AS unread_5m,
            max(tokens_1h) AS unread_1h,
            max(read_level) AS read_prefix,
            max(write_level) AS write_prefix,
            max(surplus) AS surplus_bytes
        FROM (
            SELECT trace_id, span_id, 1 AS repeated, 0 AS unparsed, 0 AS tokens_5m, 0 AS tokens_1h, 0 AS read_level, 0 AS write_level, 0 AS surplus
            FROM repeated
            UNION ALL
            SELECT trace_id, span_id, 0, 1, 0, 0, 0, 0, 0 FROM unparsed
            UNION ALL
            SELECT trace_id, span_id, 0, 0, tokens_5m, tokens_1h, 0, 0, 0 FROM unread
            UNION ALL
            SELECT trace_id, span_id, 0, 0, 0, 0, read_level, write_level, 0 FROM shared
            UNION ALL
            SELECT trace_id, span_id, 0, 0, 0, 0, 0, 0, surplus_bytes FROM supplied
        )
        GROUP BY trace_id, span_id
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
            max(component = 'call' AND (($offline) OR lower(charges.tags['offline']) IN ('true', 'yes', '1'))) AS is_offline,
            max(if(component = 'call', $swap, 0)) AS swap,
            greatest(toUnixTimestamp64Milli(max(ended_at)), toUnixTimestamp64Milli(time)) AS ended_ms,
            sum(charges.failed_calls) > 0 AS is_failed,
            sumIf(if(entry = 'reversal', -1, 1), component = 'call' AND charges.grade = 'unpriced') > 0 AS is_unpriced,
            sum(charges.usd) AS usd,
            sumIf(quantity, component = 'input') AS plain_tokens,
            sumIf(quantity, component = 'output') AS answer_tokens,
            sumIf(quantity, component = 'cache_read') AS read_before,
            sumIf(quantity, component = 'cache_write_5m') AS written_5m,
            sumIf(quantity, component = 'cache_write_1h') AS written_1h,
            groupArrayIf(
                (toString(component), quantity), component NOT IN ('call', 'input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h')
            ) AS used_beside,
            sum(charges.input_tokens) AS input_tokens,
            sum(charges.cached_input_tokens) AS cached_tokens,
            sum(charges.output_tokens) AS output_tokens,
            sumIf(if(entry = 'reversal', -1, 1), component = 'call') AS calls
        FROM charges
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
          AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND charges.grade != ''
          AND $filters
        GROUP BY time, trace_id, span_id
    ),
    asked AS (
        SELECT
            start_time AS time,
            trace_id,
            span_id,
            status = 'cancelled' AS is_cancelled,
            prompt_hash != 0 AS is_hashed,
            asked_bytes,
            asked_before_bytes,
            asked_tier AS service_tier,
            asked_region AS price_region
        FROM spans
        WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
          AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND operation IN {operations:Array(String)}
          AND (prompt_hash != 0 OR status = 'cancelled' OR asked_tier != '' OR asked_region != '')
    ),
    told AS (
        SELECT paid.*, asked.is_cancelled, asked.is_hashed, asked.asked_bytes, asked.asked_before_bytes, asked.service_tier, asked.price_region
        FROM paid
        ANY LEFT JOIN asked USING (time, trace_id, span_id)
        SETTINGS join_algorithm = 'full_sorting_merge'
    ),
    calls AS (
        SELECT
            told.*,
            marks.is_repeated,
            marks.unread_5m,
            marks.unread_1h,
            ended_ms - toUnixTimestamp64Milli(time) AS duration_ms,
            multiIf(is_failed, 'failed', is_cancelled, 'aborted', marks.is_unparsed, 'unparsed', '') AS waste,
            if(operation = 'embeddings', intDivOrZero(plain_tokens * least(asked_before_bytes, asked_bytes), asked_bytes), 0) AS repeated_tokens,
            least(marks.surplus_bytes, asked_bytes) AS cut_bytes,
            intDivOrZero(plain_tokens * cut_bytes, asked_bytes) AS surplus_plain,
            intDivOrZero(read_before * cut_bytes, asked_bytes) AS surplus_read,
            intDivOrZero(written_5m * cut_bytes, asked_bytes) AS surplus_5m,
            intDivOrZero(written_1h * cut_bytes, asked_bytes) AS surplus_1h,
            surplus_plain + surplus_read + surplus_5m + surplus_1h AS surplus_tokens,
            {input_limit:Int64} > 0 AND operation IN {generations:Array(String)} AS is_limited,
            if(is_limited, least(plain_tokens, greatest(0, input_tokens - {input_limit:Int64})), 0) AS beyond_tokens,
            if(is_limited, least(plain_tokens - surplus_plain, greatest(0, input_tokens - surplus_tokens - {input_limit:Int64})), 0) AS beyond_tokens_within,
            plain_tokens - surplus_plain - beyond_tokens_within AS plain_within,
            arrayMap(
                level -> if(level = 0, 0, intDiv(intDivOrZero(input_tokens * least(bitShiftLeft(2048, level), asked_bytes), asked_bytes), 128) * 128),
                [marks.read_prefix, marks.write_prefix]
            ) AS prefix_tokens,
            if(prefix_tokens[1] < 1024, 0, least(plain_tokens, greatest(0, prefix_tokens[1] - cached_tokens))) AS read_tokens,
            if(prefix_tokens[2] < 1024, 0, least(plain_tokens - read_tokens, greatest(0, prefix_tokens[2] - greatest(prefix_tokens[1], cached_tokens))))
                AS write_tokens
        FROM told
        ANY LEFT JOIN marks USING (trace_id, span_id)
        WHERE told.calls > 0
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
    is_unpriced,
    arrayExists(each -> position(each.1, '@') > 0, used_beside) AS is_in_parts,
    calls.repeated_tokens > 0 AS is_known_in_part,
    calls.unread_5m + calls.unread_1h > 0 AS is_unread,
    calls.surplus_tokens > 0 AS is_supplied,
    calls.beyond_tokens > 0 AS is_beyond,
    calls.read_tokens + calls.write_tokens > 0 AS is_shared,
    count() AS calls,
    sum(calls.is_hashed) AS hashed_calls,
    sum(calls.usd) AS usd,
    sumMap(arrayMap(each -> each.1, used_beside), arrayMap(each -> each.2, used_beside)) AS beside,
    arrayConcat(['input', 'output', 'cache_read', 'cache_write_5m', 'cache_write_1h'], beside.1) AS labels,
    arrayConcat([sum(plain_tokens), sum(answer_tokens), sum(read_before), sum(written_5m), sum(written_1h)], beside.2) AS counts,
    sum(calls.input_tokens) AS input_tokens,
    sum(calls.output_tokens) AS output_tokens,
    max(calls.input_tokens) AS longest,
    sum(calls.duration_ms) AS duration_ms,
    sum(calls.repeated_tokens) AS repeated_tokens,
    sum(calls.unread_5m) AS unread_5m,
    sum(calls.unread_1h) AS unread_1h,
    [sum(surplus_plain), sum(surplus_read), sum(surplus_5m), sum(surplus_1h)] AS surplus,
    sum(calls.beyond_tokens) AS beyond_tokens,
    sum(calls.beyond_tokens_within) AS beyond_tokens_within,
    sum(calls.read_tokens) AS read_tokens,
    sum(calls.write_tokens) AS write_tokens,
    sum(least(calls.read_tokens, plain_within)) AS read_tokens_within,
    sum(least(calls.write_tokens, greatest(0, plain_within - calls.read_tokens))) AS write_tokens_within,
    -- Of each kind of saving the calls it is largest of: by what, their ids, what they cost.
    groupArraySortedIf(5)((-ifNull(calls.usd, 0), trace_id, span_id, calls.usd), waste != '' OR is_repeated OR is_offline OR swap > 0) AS dearest,
    groupArraySortedIf(5)((-calls.repeated_tokens, trace_id, span_id, calls.usd), is_known_in_part) AS most_repeated,
    groupArraySortedIf(5)((-calls.unread_5m - calls.unread_1h, trace_id, span_id, calls.usd), is_unread) AS most_unread,
    groupArraySortedIf(5)((-calls.surplus_tokens, trace_id, span_id, calls.usd), is_supplied) AS most_supplied,
    groupArraySortedIf(5)((-calls.beyond_tokens, trace_id, span_id, calls.usd), is_beyond) AS furthest_beyond,
    groupArraySortedIf(5)((-calls.read_tokens, trace_id, span_id, calls.usd), is_shared) AS most_shared
FROM calls
GROUP BY ALL
SETTINGS max_execution_time = 30, optimize_aggregation_in_order = 1, query_plan_join_swap_table = 'false'

-- The calls of a period, those together that all proposals treat alike, with what these need of them: what they cost and
-- used, whom they asked and on which terms, which prices held, which proposals name them, and of each the dearest. The
-- ledger is read in the order it is stored in, and what spans tell of calls is looked up by a hash of their ids: texts
-- and lists for millions of calls would take most of the time. Nothing here knows a price but the ledger's.
WITH
    -- What calls' spans tell of them.
    asked AS (
        SELECT
            cityHash64(trace_id, span_id) AS id,
            status = 'cancelled' AS is_cancelled,
            prompt_hash != 0 AS is_hashed,
            asked_bytes,
            asked_before_bytes,
            asked_tier,
            asked_region
        FROM spans
        WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
          AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND operation IN {operations:Array(String)}
          AND (prompt_hash != 0 OR status = 'cancelled' OR asked_tier != '' OR asked_region != '')
    ),
    -- Answered before by an equal call that had ended, since the cache was last emptied.
    repeated AS (
        SELECT arrayJoin(arrayFilter(call -> call.1 >= known_from_ns, equal)).2 AS id
        FROM (
            SELECT argMinIf(ended_ns, began_ns, is_answered) AS known_from_ns, groupArray((began_ns, id)) AS equal
            FROM (
                SELECT
                    cityHash64(trace_id, span_id) AS id,
                    prompt_hash,
                    toUnixTimestamp64Nano(start_time) AS began_ns,
                    began_ns + toInt64(greatest(1, duration_ns)) AS ended_ns,
                    status NOT IN ('error', 'cancelled') AS is_answered
                FROM spans
                WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
                  AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
                  AND prompt_hash IN (
                      SELECT prompt_hash
                      FROM spans
                      WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
                        AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
                        AND prompt_hash != 0
                      GROUP BY prompt_hash
                      HAVING count() > 1
                  )
                  AND $span_filters
            )
            GROUP BY prompt_hash, intDiv(intDiv(began_ns, 1000000), {ttl_ms:Int64})
            HAVING countIf(is_answered) > 1
        )
    ),
    -- Steps that failed to parse an answer, as far as none failed below them.
    failed AS (
        SELECT trace_id, arrayJoin(arrayFilter(step -> NOT has(steps.2, step.1) AND step.5, groupArray((
            span_id, parent_span_id, start_time, start_time + toIntervalNanosecond(duration_ns), operation NOT IN {operations:Array(String)}
        )) AS steps)) AS step
        FROM spans
        WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
          AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR
          AND error_type IN {parse_errors:Array(String)}
        GROUP BY trace_id
    ),
    -- The last answer before such a step: beside it, or below it.
    unparsed AS (
        SELECT cityHash64(trace_id, argMax(answers.span_id, answers.start_time)) AS id
        FROM (
            SELECT trace_id, span_id, parent_span_id, start_time, start_time + toIntervalNanosecond(duration_ns) AS ended
            FROM spans
            WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
              AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR
              AND operation IN {operations:Array(String)}
              AND status NOT IN ('error', 'cancelled')
              AND trace_id IN (SELECT trace_id FROM failed)
        ) AS answers
        INNER JOIN failed ON failed.trace_id = answers.trace_id
        WHERE answers.parent_span_id IN (failed.step.1, failed.step.2) AND answers.ended <= failed.step.4
        GROUP BY answers.trace_id AS trace_id, failed.step.1
    ),
    -- Wrote into the provider's cache what no other call read before it went: see cache_writes.sql.
    unread AS (
        SELECT cityHash64(trace_id, span_id) AS id, component = 'cache_write_1h' AS is_hour, quantity
        FROM ($cache_writes) AS writes
        WHERE is_unread
    ),
    -- How long a beginning of its prompt was asked before, and will be asked again, before the provider forgets it.
    shared AS (
        SELECT id, if(since_last <= 300, level, 0) AS read_level, if(until_next BETWEEN 0 AND 300, level, 0) AS write_level
        FROM (
            SELECT
                id,
                level,
                dateDiff('second', lagInFrame(start_time) OVER asked, start_time) AS since_last,
                dateDiff('second', start_time, leadInFrame(start_time) OVER asked) AS until_next
            FROM (
                SELECT cityHash64(trace_id, span_id) AS id, start_time, prefix, level
                FROM spans
                ARRAY JOIN asked_prefixes AS prefix, arrayEnumerate(asked_prefixes) AS level
                WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 5 MINUTE
                  AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 5 MINUTE
                  AND prompt_hash != 0
                  AND status != 'error'
            )
            WINDOW asked AS (PARTITION BY prefix ORDER BY start_time, id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)
        )
        WHERE read_level + write_level > 0
    ),
    -- What is known of some calls, each once.
    marks AS (
        SELECT
            id,
            max(repeated) AS is_repeated,
            max(unparsed) AS is_unparsed,
            sum(tokens_5m) AS unread_5m,
            sum(tokens_1h) AS unread_1h,
            max(read_level) AS read_prefix,
            max(write_level) AS write_prefix,
            max(surplus) AS surplus_bytes
        FROM (
            SELECT id, 1 AS repeated, 0 AS unparsed, 0 AS tokens_5m, 0 AS tokens_1h, 0 AS read_level, 0 AS write_level, 0 AS surplus FROM repeated
            UNION ALL
            SELECT id, 0, 1, 0, 0, 0, 0, 0 FROM unparsed
            UNION ALL
            SELECT id, 0, 0, if(is_hour, 0, quantity), if(is_hour, quantity, 0), 0, 0, 0 FROM unread
            UNION ALL
            SELECT id, 0, 0, 0, 0, read_level, write_level, 0 FROM shared
            UNION ALL
            SELECT id, 0, 0, 0, 0, 0, 0, surplus_bytes FROM ($supplied)
        )
        GROUP BY id
    ),
    paid AS (
        SELECT
            trace_id,
            span_id,
            cityHash64(trace_id, span_id) AS id,
            toUnixTimestamp64Milli(time) AS began_ms,
            -- A call's entries agree in these, and texts of theirs would take longer to compare than all sums.
            max(transform(charges.provider, {providers:Array(String)}, arrayEnumerate({providers:Array(String)}), toUInt32(0))) AS provider_number,
            max(transform(charges.model, {models:Array(String)}, arrayEnumerate({models:Array(String)}), toUInt32(0))) AS model_number,
            max(transform(charges.tenant, {priced_tenants:Array(String)}, arrayEnumerate({priced_tenants:Array(String)}), toUInt32(0))) AS tenant_number,
            max(charges.operation = 'embeddings') AS is_embedding,
            max(charges.operation IN {generations:Array(String)}) AS is_generation,
            max(if(component = 'call', ($offline) OR lower(charges.tags['offline']) IN ('true', 'yes', '1'), 0)) AS is_offline,
            max(if(component = 'call', $swap, 0)) AS swap,
            greatest(toUnixTimestamp64Milli(max(ended_at)), began_ms) AS ended_ms,
            sum(charges.failed_calls) > 0 AS is_failed,
            sumIf(if(entry = 'reversal', -1, 1), component = 'call' AND charges.grade = 'unpriced') > 0 AS is_unpriced,
            sum(charges.usd) AS usd,
            sumIf(quantity, component = 'input') AS plain_tokens,
            sumIf(quantity, component = 'output') AS answer_tokens,
            sumIf(quantity, component = 'reasoning') AS thought_tokens,
            sumIf(quantity, component = 'cache_read') AS read_before,
            sumIf(quantity, component = 'cache_write_5m') AS written_5m,
            sumIf(quantity, component = 'cache_write_1h') AS written_1h,
            groupArrayIf((toString(component), quantity), component NOT IN (
                'call', 'input', 'output', 'reasoning', 'cache_read', 'cache_write_5m', 'cache_write_1h'
            )) AS used_beside,
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
    told AS (
        SELECT
            paid.*,
            asked.* EXCEPT (id),
            marks.* EXCEPT (id),
            ended_ms - began_ms AS duration_ms,
            {input_limit:Int64} > 0 AND is_generation AS is_limited,
            least(surplus_bytes, asked_bytes) AS cut_bytes,
            if(is_embedding, intDivOrZero(plain_tokens * least(asked_before_bytes, asked_bytes), asked_bytes), 0) AS repeated_tokens,
            if(read_prefix = 0, 0, intDiv(intDivOrZero(input_tokens * least(bitShiftLeft(2048, read_prefix), asked_bytes), asked_bytes), 128) * 128)
                AS read_share,
            if(write_prefix = 0, 0, intDiv(intDivOrZero(input_tokens * least(bitShiftLeft(2048, write_prefix), asked_bytes), asked_bytes), 128) * 128)
                AS write_share
        FROM paid
        ANY LEFT JOIN asked ON asked.id = paid.id
        ANY LEFT JOIN marks ON marks.id = paid.id
    ),
    measured AS (
        SELECT
            *,
            intDivOrZero(plain_tokens * cut_bytes, asked_bytes) AS surplus_plain,
            intDivOrZero(read_before * cut_bytes, asked_bytes) AS surplus_read,
            intDivOrZero(written_5m * cut_bytes, asked_bytes) AS surplus_5m,
            intDivOrZero(written_1h * cut_bytes, asked_bytes) AS surplus_1h,
            if(is_limited, least(plain_tokens, greatest(0, input_tokens - {input_limit:Int64})), 0) AS beyond_tokens,
            if(read_share < 1024, 0, least(plain_tokens, greatest(0, read_share - cached_tokens))) AS read_tokens
        FROM told
    ),
    calls AS (
        SELECT
            *,
            surplus_plain + surplus_read + surplus_5m + surplus_1h AS surplus_tokens,
            if(is_limited, least(plain_tokens - surplus_plain, greatest(0, input_tokens - surplus_tokens - {input_limit:Int64})), 0)
                AS beyond_tokens_within,
            plain_tokens - surplus_plain - beyond_tokens_within AS plain_within,
            if(write_share < 1024, 0, least(plain_tokens - read_tokens, greatest(0, write_share - greatest(read_share, cached_tokens)))) AS write_tokens
        FROM measured
    )
SELECT
    {providers:Array(String)}[provider_number] AS provider,
    {models:Array(String)}[model_number] AS model,
    {priced_tenants:Array(String)}[tenant_number] AS tenant,
    *
FROM (
    SELECT
        arrayCount(start -> start <= ended_ms, {price_changes:Array(Int64)}) AS epoch,
        provider_number,
        model_number,
        tenant_number,
        is_embedding,
        asked_tier AS service_tier,
        asked_region AS price_region,
        arrayCount(threshold -> calls.input_tokens > threshold, {thresholds:Array(Int64)}) AS step,
        multiIf(is_failed, 'failed', is_cancelled, 'aborted', is_unparsed, 'unparsed', '') AS waste,
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
        sumMapIf(arrayMap(each -> each.1, used_beside), arrayMap(each -> each.2, used_beside), notEmpty(used_beside)) AS beside,
        arrayConcat(['input', 'output', 'reasoning', 'cache_read', 'cache_write_5m', 'cache_write_1h'], beside.1) AS labels,
        arrayConcat(
            [sum(plain_tokens), sum(answer_tokens), sum(thought_tokens), sum(read_before), sum(written_5m), sum(written_1h)], beside.2
        ) AS counts,
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
)
SETTINGS max_execution_time = 30, max_threads = 1, optimize_aggregation_in_order = 1, query_plan_join_swap_table = 'false'

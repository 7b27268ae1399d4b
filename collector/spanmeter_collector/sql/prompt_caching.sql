-- What providers' own prompt caches were read and written in a period, by the asked dimensions and in total.
--
-- A write counts as never read if no call of the same service, provider and model that started later, within the five
-- minutes or the hour that it was paid for, read anything; a call is known by its start. Providers do not say which
-- write a read found, so any read counts: what is never read here was never read, and there may be more of it.
-- Writes that may still be read are in `open_tokens`.
--
-- What a read saved, and what a write cost more, is told by the price that the same call paid for input of the same
-- kind beside the cache: of the same tier, region and length of prompt. `apart` has the tokens of calls that had no such
-- input, by what the price book needs to know of them.
WITH
    '^cache_(read|write)' AS of_caches,
    cached_calls AS (
        SELECT time, trace_id, span_id
        FROM charges
        WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
          AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND match(component, of_caches)
    ),
    entries AS (
        SELECT
            charges.time AS time, trace_id, span_id,
            service, framework, operation, provider, model, user, session, tenant, feature, team, tags,
            toDate(greatest(ended_at, charges.time)) AS day,
            component,
            multiIf(startsWith(component, 'cache_read'), 'read', startsWith(component, 'cache_write_1h'), 'hour', 'minutes') AS did,
            if(did = 'hour', 3600, 300) AS lasts_s,
            charges.usd_per_unit AS each,
            sum(quantity) AS tokens,
            sum(charges.usd) AS usd
        FROM charges
        WHERE charges.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
          AND charges.time < least(
              fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR, fromUnixTimestamp64Micro({now:Int64}, 'UTC')
          )
          AND match(component, of_caches)
        GROUP BY ALL
        HAVING tokens > 0
    ),
    plain AS (
        SELECT time, trace_id, span_id, component, if(uniqExact(paid) = 1, any(paid), NULL) AS plain_each
        FROM (
            SELECT time, trace_id, span_id, component, charges.usd_per_unit AS paid
            FROM charges
            WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
              AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
              AND startsWith(component, 'input')
              AND (time, trace_id, span_id) IN (cached_calls)
            GROUP BY ALL
            HAVING sum(quantity) > 0
        )
        GROUP BY time, trace_id, span_id, component
    )
SELECT
    $dimensions,
    grouping(dim_0) AS is_total,
    sumIf(charges.tokens, did = 'read') AS read_tokens,
    sumIf(charges.tokens, did != 'read') AS written_tokens,
    sumIf(charges.tokens, never_read) AS never_read_tokens,
    sumIf(charges.tokens, still_open) AS open_tokens,
    -- NULL where none of these tokens has a price. Of what a provider charged for at once each part costs nothing here.
    sumIf(charges.usd, did = 'read' AND each IS NOT NULL) AS read_usd,
    sumIf(charges.usd, did != 'read' AND each IS NOT NULL) AS written_usd,
    sumIf(charges.usd, never_read AND each IS NOT NULL) AS never_read_usd,
    sumIf(charges.tokens, did = 'read' AND is_compared) AS compared_read_tokens,
    sumIf(charges.tokens, did != 'read' AND is_compared) AS compared_written_tokens,
    sumIf(charges.tokens * (plain_each - each), did = 'read' AND is_compared) AS read_saved_usd,
    sumIf(charges.tokens * (each - plain_each), did != 'read' AND is_compared) AS write_extra_usd,
    sumMapIf(
        map(toJSONString((provider, model, tenant, toString(day), component, toString(each))), charges.tokens),
        each IS NOT NULL AND NOT is_compared
    ) AS apart
FROM (
    SELECT
        unread.*,
        plain.plain_each AS plain_each,
        unread.each IS NOT NULL AND plain.plain_each IS NOT NULL AS is_compared
    FROM (
        SELECT
            written.*,
            multiIf(startsWith(component, 'cache_read_audio'), '_audio', startsWith(component, 'cache_read_image'), '_image', '') AS kind,
            concat('input', kind, extract(component, '@.*')) AS beside,
            did != 'read' AND (found.time = 0 OR found.time > written.time + toIntervalSecond(lasts_s)) AS is_unread,
            is_unread AND written.time + toIntervalSecond(lasts_s) > fromUnixTimestamp64Micro({now:Int64}, 'UTC') AS still_open,
            is_unread AND NOT still_open AS never_read
        FROM entries AS written
        ASOF LEFT JOIN (SELECT service, provider, model, time FROM entries WHERE did = 'read') AS found
            ON written.service = found.service AND written.provider = found.provider AND written.model = found.model
            AND written.time < found.time
        WHERE written.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
    ) AS unread
    LEFT ANY JOIN plain
        ON plain.time = unread.time AND plain.trace_id = unread.trace_id AND plain.span_id = unread.span_id
        AND plain.component = unread.beside
) AS charges
WHERE $filters
GROUP BY GROUPING SETS (($keys), ())
ORDER BY is_total DESC, $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

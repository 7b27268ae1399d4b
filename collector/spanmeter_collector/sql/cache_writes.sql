-- What calls of a period wrote into the provider's cache: tokens, what they cost, and whether nobody read them, that is
-- no later call of the same service, provider and model read from the cache before the entry went, after 5 minutes or,
-- where that was paid, an hour; what may still be read is not unread. The same rule as in prompt_caching.sql. A part of
-- other questions, which say what `filters` are.
SELECT
    writes.time AS time,
    writes.trace_id AS trace_id,
    writes.span_id AS span_id,
    writes.service AS service,
    writes.provider AS provider,
    writes.model AS model,
    writes.component AS component,
    writes.quantity AS quantity,
    writes.usd AS usd,
    writes.time + toIntervalSecond(if(component = 'cache_write_5m', 300, 3600)) AS gone,
    (reads.time <= writes.time OR reads.time > gone) AND gone <= fromUnixTimestamp64Micro({now:Int64}, 'UTC') AS is_unread
FROM (
    SELECT
        time,
        trace_id,
        span_id,
        component,
        any(charges.service) AS service,
        any(charges.provider) AS provider,
        any(charges.model) AS model,
        sum(charges.quantity) AS quantity,
        sum(charges.usd) AS usd
    FROM charges
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
      AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND component IN ('cache_write_5m', 'cache_write_1h')
      AND $filters
    GROUP BY time, trace_id, span_id, component
    HAVING quantity > 0
) AS writes
ASOF LEFT JOIN (
    SELECT any(charges.service) AS service, any(charges.provider) AS provider, any(charges.model) AS model, time
    FROM charges
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
      AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR
      AND component IN ('cache_read', 'cache_read_audio', 'cache_read_image')
    GROUP BY time, trace_id, span_id
    HAVING sum(charges.quantity) > 0
) AS reads
ON reads.service = writes.service AND reads.provider = writes.provider AND reads.model = writes.model
    AND reads.time > writes.time

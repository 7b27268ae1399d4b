-- What providers' own prompt caches were read and written in a period, by the asked dimensions and in total.
--
-- A write counts as never read if no call of the same service, provider and model that started later, within the five
-- minutes or the hour that it was paid for, read anything; a call is known by its start. Providers do not say which
-- write a read found, so any read counts: what is never read here was never read, and there may be more of it.
-- Writes that may still be read are in `open_tokens`.
WITH entries AS (
    SELECT
        charges.time AS time,
        service, framework, operation, provider, model, user, session, tenant, feature, team, tags,
        multiIf(startsWith(component, 'cache_read'), 'read', startsWith(component, 'cache_write_1h'), 'hour', 'minutes') AS did,
        if(did = 'hour', 3600, 300) AS lasts_s,
        sum(quantity) AS tokens,
        sum(charges.usd) AS usd
    FROM charges
    WHERE charges.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
      AND charges.time < least(
          fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 HOUR, fromUnixTimestamp64Micro({now:Int64}, 'UTC')
      )
      AND (startsWith(component, 'cache_read') OR startsWith(component, 'cache_write'))
    GROUP BY ALL
    HAVING tokens > 0
)
SELECT
    $dimensions,
    grouping(dim_0) AS is_total,
    sumIf(charges.tokens, did = 'read') AS read_tokens,
    sumIf(charges.usd, did = 'read') AS read_usd,
    sumIf(charges.tokens, did != 'read') AS written_tokens,
    sumIf(charges.usd, did != 'read') AS written_usd,
    sumIf(charges.tokens, never_read) AS never_read_tokens,
    sumIf(charges.usd, never_read) AS never_read_usd,
    sumIf(charges.tokens, still_open) AS open_tokens,
    countIf(charges.usd IS NULL) AS unpriced
FROM (
    SELECT
        written.*,
        did != 'read' AND (found.time = 0 OR found.time > written.time + toIntervalSecond(lasts_s)) AS is_unread,
        is_unread AND written.time + toIntervalSecond(lasts_s) > fromUnixTimestamp64Micro({now:Int64}, 'UTC') AS still_open,
        is_unread AND NOT still_open AS never_read
    FROM entries AS written
    ASOF LEFT JOIN (SELECT service, provider, model, time FROM entries WHERE did = 'read') AS found
        ON written.service = found.service AND written.provider = found.provider AND written.model = found.model
        AND written.time < found.time
    WHERE written.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
) AS charges
WHERE $filters
GROUP BY GROUPING SETS (($keys), ())
ORDER BY is_total DESC, $order
LIMIT {limit:UInt32}
SETTINGS max_execution_time = 30

-- The first and the last hour in which calls stand at another version of the prices, in microseconds after 1970.
-- The source is the ledger of a period, or a rollup of it.
SELECT
    count() AS hours,
    toInt64(toUnixTimestamp(min(hour))) * 1000000 AS first_us,
    toInt64(toUnixTimestamp(max(hour))) * 1000000 AS last_us
FROM (
    SELECT toStartOfHour(charges.time) AS hour
    FROM $source AS charges
    WHERE $within
      AND grade != ''
      AND price_version != {version:String}
      AND $filters
    GROUP BY hour
    HAVING sum(charges.billed) > 0
)
SETTINGS max_execution_time = 30

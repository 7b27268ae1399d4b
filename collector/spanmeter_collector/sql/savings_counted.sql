-- How many spans and entries of the ledger rollups hold of each hour of a period; hours in seconds after 1970.
SELECT toUnixTimestamp(time) AS hour, sum(entries) AS entries
FROM (
    SELECT time, entries
    FROM charge_sums
    WHERE level = 'models_by_hour' AND time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
    UNION ALL
    SELECT time, entries
    FROM span_sums
    WHERE level = 'operations_by_hour' AND time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
)
GROUP BY hour
SETTINGS max_execution_time = 30

-- What the holders of a budget told last in a period. Those whose leases ended long ago are one row without a name,
-- but for the one that asks.
SELECT
    if(told.9 < fromUnixTimestamp64Milli({past:Int64}, 'UTC') AND holder != {holder:String}, '', holder) AS holder,
    sum(told.1) AS spent,
    sum(told.2) AS reserved,
    sum(told.3) AS held,
    sum(told.4) AS granted,
    max(told.5) AS waits,
    sum(told.6) AS stopped,
    sum(told.7) AS downgraded,
    max(told.8) AS sequence,
    toUnixTimestamp64Milli(max(told.9)) AS expires_ms,
    max(told.10) AS revision
FROM (
    SELECT
        holder,
        argMax(
            (spent, reserved, held, granted, waits, stopped, downgraded, sequence, expires_at, revision),
            (sequence, revision)
        ) AS told
    FROM budget_leases
    WHERE
        budget = {budget:String} AND terms = {terms:String}
        AND period = fromUnixTimestamp64Milli({period:Int64}, 'UTC')
    GROUP BY holder
)
GROUP BY holder

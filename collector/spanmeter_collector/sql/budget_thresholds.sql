-- Which thresholds of a budget were crossed in a period, by the process of the sidecar's that tells of it.
SELECT threshold, min(collector) AS collector
FROM budget_thresholds
WHERE
    budget = {budget:String} AND terms = {terms:String}
    AND period = fromUnixTimestamp64Milli({period:Int64}, 'UTC')
GROUP BY threshold

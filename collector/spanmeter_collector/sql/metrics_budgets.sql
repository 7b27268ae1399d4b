-- What the exported counters of budgets say: calls stopped and given to another model, thresholds crossed.
SELECT budget, 'stopped' AS what, '' AS threshold, sum(told.1) AS counted
FROM (
    SELECT budget, argMax((stopped, downgraded), (sequence, revision)) AS told
    FROM budget_leases
    GROUP BY budget, terms, period, holder
)
GROUP BY budget
UNION ALL
SELECT budget, 'downgraded' AS what, '' AS threshold, sum(told.2) AS counted
FROM (
    SELECT budget, argMax((stopped, downgraded), (sequence, revision)) AS told
    FROM budget_leases
    GROUP BY budget, terms, period, holder
)
GROUP BY budget
UNION ALL
SELECT budget, 'threshold' AS what, toString(threshold) AS threshold, count() AS counted
FROM (
    SELECT DISTINCT budget, terms, period, threshold
    FROM budget_thresholds
)
GROUP BY budget, threshold

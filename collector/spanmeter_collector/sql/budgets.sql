-- The budgets that are defined.
SELECT name, definition, source, created_at, revision
FROM (
    SELECT
        name,
        argMax(budgets.definition, budgets.revision) AS definition,
        argMax(budgets.source, budgets.revision) AS source,
        argMax(budgets.created_at, budgets.revision) AS created_at,
        argMax(budgets.deleted, budgets.revision) AS deleted,
        max(budgets.revision) AS revision
    FROM budgets
    GROUP BY name
)
WHERE deleted = 0
ORDER BY name

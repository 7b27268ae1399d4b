-- The columns that a table stores, in their order.
SELECT name
FROM system.columns
WHERE database = currentDatabase() AND table = {name:String} AND default_kind != 'ALIAS'
ORDER BY position

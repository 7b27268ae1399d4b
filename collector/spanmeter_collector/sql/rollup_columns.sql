-- The columns of a table in their order.
SELECT name
FROM system.columns
WHERE database = currentDatabase() AND table = {name:String}
ORDER BY position

-- How a table is laid: its engine with order and settings.
SELECT engine_full
FROM system.tables
WHERE database = currentDatabase() AND name = {name:String}

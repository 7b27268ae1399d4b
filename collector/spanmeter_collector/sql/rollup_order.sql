-- What a table is sorted by.
SELECT sorting_key
FROM system.tables
WHERE database = currentDatabase() AND name = {name:String}

-- The tables that hold rows, where their parts are, and the engine's version.
SELECT name, arrayElement(data_paths, 1) AS directory, engine, version() AS engine_version
FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree'
ORDER BY name

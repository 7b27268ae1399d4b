-- The parts that the engine found damaged at its start and left out, and where their files are.
SELECT table, name, partition_id AS partition, path
FROM system.detached_parts
WHERE database = currentDatabase() AND startsWith(name, {prefix:String})
ORDER BY table, name

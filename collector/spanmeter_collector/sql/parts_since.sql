-- The parts with rows that were written since a time; `inserted` are those that no merge or mutation made of others.
SELECT table, name, partition_id AS partition, toUInt8(level = 0 AND data_version = min_block_number) AS inserted
FROM system.parts
WHERE active AND database = currentDatabase() AND rows > 0 AND modification_time >= toDateTime({since:Int64})
ORDER BY table, name

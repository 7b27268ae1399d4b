-- What the store takes on disk, partition by partition. A table without partitions has one, called all.
SELECT
    replaceRegexpOne(parts.table, '_local$$', '') AS table,
    partition_id AS name,
    sum(parts.rows) AS rows,
    sum(parts.bytes_on_disk) AS bytes,
    toUnixTimestamp(max(modification_time)) AS written_at
FROM $parts AS parts
WHERE active AND database = currentDatabase()
GROUP BY table, partition_id
ORDER BY table, partition_id

-- The partitions of a table that a rollup does not sum completely. What was dropped from the table stays in the rollup.
SELECT counted.part AS part
FROM (
    SELECT substring(partition_id, 1, {digits:UInt8}) AS part, sum(rows) AS entries
    FROM system.parts
    WHERE active AND database = currentDatabase() AND table = {source:String}
    GROUP BY part
) AS counted
LEFT JOIN (
    SELECT substring(toString(toYYYYMMDD(time)), 1, {digits:UInt8}) AS part, sum($rollup.entries) AS entries
    FROM $rollup
    WHERE $its_rows
    GROUP BY part
) AS summed ON summed.part = counted.part
WHERE counted.entries > summed.entries
ORDER BY part

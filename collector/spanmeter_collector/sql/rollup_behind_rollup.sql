-- The months of a rollup that a coarser one does not sum completely.
SELECT counted.part AS part
FROM (
    SELECT toString(toYYYYMM(time)) AS part, $entries AS entries
    FROM $source
    WHERE $which
    GROUP BY part
) AS counted
LEFT JOIN (
    SELECT toString(toYYYYMM(time)) AS part, sum($rollup.entries) AS entries
    FROM $rollup
    WHERE $its_rows
    GROUP BY part
) AS summed ON summed.part = counted.part
WHERE counted.entries > summed.entries
ORDER BY part

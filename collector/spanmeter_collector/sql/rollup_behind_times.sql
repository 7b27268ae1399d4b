-- The hours or days of a partition that a rollup does not sum completely, in seconds after 1970.
SELECT toUnixTimestamp(counted.began) AS began
FROM (
    SELECT $cut($time) AS began, $entries AS entries
    FROM $source
    WHERE $which AND $within
    GROUP BY began
) AS counted
LEFT JOIN (
    SELECT $rollup.time AS began, sum($rollup.entries) AS entries
    FROM $rollup
    WHERE $its_rows
    GROUP BY began
) AS summed ON summed.began = counted.began
WHERE $all OR counted.entries > summed.entries
ORDER BY began

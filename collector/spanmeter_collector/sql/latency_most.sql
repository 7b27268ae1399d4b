-- The groups that are answered and how many spans each has, known before any sketch is read.
SELECT $dimensions, sum(spans.entries) AS count
FROM $source AS spans
WHERE $within AND wrapper = 0 AND $filters
GROUP BY $keys
ORDER BY $order
LIMIT {limit:UInt32}

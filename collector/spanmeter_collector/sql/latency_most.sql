-- A condition: the groups that are answered, known before any sketch is read.
($keys) IN (
    SELECT $keys FROM (
        SELECT $dimensions, sum(spans.entries) AS count
        FROM $source AS spans
        WHERE $within AND wrapper = 0 AND $filters
        GROUP BY $keys
        ORDER BY $order
        LIMIT {limit:UInt32}
    )
)

-- How many calls of a period carry a hash of what they asked. Both tables are in the order of what they are joined by.
SELECT sum(if(entry = 'reversal', -1, 1)) AS calls
FROM (
    SELECT time, trace_id, span_id, entry
    FROM charges
    WHERE time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
      AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND component = 'call'
      AND grade != ''
      AND $filters
) AS counted
ANY INNER JOIN (
    SELECT start_time AS time, trace_id, span_id
    FROM spans
    WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
      AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND prompt_hash != 0
) AS hashed USING (time, trace_id, span_id)
SETTINGS join_algorithm = 'full_sorting_merge', max_execution_time = 30

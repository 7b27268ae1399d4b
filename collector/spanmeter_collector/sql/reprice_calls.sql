-- The next calls of a period that have something to bill and stand in the ledger, in the ledger's order, without those
-- that stand at one version of the prices.
SELECT toUnixTimestamp64Nano(charges.time) AS start, trace_id, span_id
FROM charges
WHERE time >= greatest(fromUnixTimestamp64Micro({since:Int64}, 'UTC'), fromUnixTimestamp64Nano({after:Int64}, 'UTC'))
  AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND (time, trace_id, span_id) > (
      fromUnixTimestamp64Nano({after:Int64}, 'UTC'),
      toFixedString(unhex({after_trace:String}), 16),
      toFixedString(unhex({after_span:String}), 8)
  )
  AND component = 'call'
  AND grade != ''
  AND price_version != {except_version:String}
  AND $filters
GROUP BY time, trace_id, span_id
HAVING sum(if(entry = 'reversal', -1, 1)) > 0
ORDER BY time, trace_id, span_id
LIMIT {limit:UInt32}
SETTINGS optimize_aggregation_in_order = 1, max_execution_time = 30

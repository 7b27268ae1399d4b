-- Which spans of these traces, started in a period, are in the ledger already.
SELECT DISTINCT trace_id, span_id, '' AS role
FROM charges
WHERE time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND component = 'call' AND entry = 'charge'
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))

-- Which spans of these traces, started in a period, are stored already. The period prunes, the bloom filter skips.
SELECT DISTINCT trace_id, span_id
FROM spans
WHERE start_time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))

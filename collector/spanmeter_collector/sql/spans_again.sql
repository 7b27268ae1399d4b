-- Stored spans as they came in, to be charged after all.
SELECT
    toUnixTimestamp64Nano(spans.start_time) AS start_time,
    toUnixTimestamp64Milli(spans.received_at) AS received_at,
    * EXCEPT (start_time, received_at)
FROM spans
WHERE spans.start_time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))
  AND span_id IN (SELECT toFixedString(unhex(arrayJoin({span_ids:Array(String)})), 8))
LIMIT 1 BY trace_id, span_id

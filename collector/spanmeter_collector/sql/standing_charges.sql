-- Every entry of the ledger for these traces, started in a period.
SELECT
    toUnixTimestamp64Nano(charges.time) AS time,
    toUnixTimestamp64Milli(charges.recorded_at) AS recorded_at,
    toUnixTimestamp64Milli(charges.ended_at) AS ended_at,
    * EXCEPT (time, recorded_at, ended_at)
FROM charges
WHERE charges.time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))

-- Which spans of these traces, started in a period, are stored already, and which of them tell of calls, ours or those
-- of others. The period prunes, the bloom filter skips.
SELECT DISTINCT
    trace_id,
    span_id,
    multiIf(
        wrapper OR operation NOT IN {operations:Array(String)}, '',
        scope = 'spanmeter' OR startsWith(scope, 'spanmeter.'), 'ours',
        'others'
    ) AS role
FROM spans
WHERE start_time BETWEEN fromUnixTimestamp64Nano({since:Int64}, 'UTC') AND fromUnixTimestamp64Nano({until:Int64}, 'UTC')
  AND trace_id IN (SELECT toFixedString(unhex(arrayJoin({trace_ids:Array(String)})), 16))

-- How many spans and entries of the ledger can tell of the traces of a period. Whole granules are counted unread.
WITH
    fromUnixTimestamp64Micro({since:Int64}, 'UTC') AS since,
    fromUnixTimestamp64Micro({until:Int64}, 'UTC') + INTERVAL 1 DAY AS last
SELECT
    (SELECT count() FROM spans WHERE start_time >= since - INTERVAL 1 DAY AND start_time < last) AS spans,
    (SELECT count() FROM charges WHERE time >= since AND time < last) AS entries

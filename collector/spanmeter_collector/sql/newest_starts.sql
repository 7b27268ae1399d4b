-- The newest start of each day, counted from 1970; the engine knows it of each part without reading a row.
SELECT toRelativeDayNum(toDate(start_time)) AS day, toUnixTimestamp64Nano(max(start_time)) AS newest
FROM spans
GROUP BY toDate(start_time)

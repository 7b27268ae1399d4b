-- Whose turn a minute is.
SELECT holder FROM turns WHERE minute = toDateTime({minute:Int64}, 'UTC')

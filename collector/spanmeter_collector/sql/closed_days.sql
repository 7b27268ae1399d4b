-- The days of spans that retention dropped.
SELECT DISTINCT partition FROM dropped WHERE name = 'spans' ORDER BY partition

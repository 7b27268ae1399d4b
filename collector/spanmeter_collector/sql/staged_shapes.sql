-- The shapes of the staged spans that no batch before had, each with the number of one of its spans.
SELECT shape, min(number) AS example
FROM staged
WHERE shape NOT IN (SELECT shape FROM shapes)
GROUP BY shape
ORDER BY example

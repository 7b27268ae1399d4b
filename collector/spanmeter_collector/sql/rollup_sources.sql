-- Which of these tables hold anything.
SELECT DISTINCT table
FROM system.parts
WHERE active AND database = currentDatabase() AND table IN {sources:Array(String)}

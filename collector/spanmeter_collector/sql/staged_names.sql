-- The keys of the attributes of the spans that the engine reads alone.
SELECT groupUniqArrayArray(mapKeys(attributes)) AS keys
FROM staged
WHERE NOT telling

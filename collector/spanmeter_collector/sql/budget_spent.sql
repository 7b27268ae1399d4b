-- What the ledger holds for the scope and period of a budget, and how many of its calls have no known price.
-- `models` is a pattern of names; an empty one is for all.
SELECT ifNull(sum(charges.usd), 0) AS usd, sum(charges.unpriced_calls) AS unpriced_calls
FROM $source AS charges
WHERE $within AND $filters AND match(charges.model, {models:String})

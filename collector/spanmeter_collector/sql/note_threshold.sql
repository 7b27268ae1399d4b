INSERT INTO budget_thresholds (budget, terms, period, threshold, collector, crossed_at)
SELECT
    {budget:String},
    {terms:String},
    fromUnixTimestamp64Milli({period:Int64}, 'UTC'),
    toDecimal128({threshold:String}, 12),
    {collector:String},
    fromUnixTimestamp64Milli({crossed_at:Int64}, 'UTC')

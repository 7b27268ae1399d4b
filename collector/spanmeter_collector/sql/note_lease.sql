INSERT INTO budget_leases (
    budget, terms, period, holder, collector, sequence, revision,
    spent, reserved, held, granted, waits, stopped, downgraded, expires_at
)
SELECT
    {budget:String},
    {terms:String},
    fromUnixTimestamp64Milli({period:Int64}, 'UTC'),
    {holder:String},
    {collector:String},
    {sequence:UInt64},
    {revision:UInt64},
    toDecimal128({spent:String}, 12),
    toDecimal128({reserved:String}, 12),
    toDecimal128({held:String}, 12),
    toDecimal128({granted:String}, 12),
    {waits:UInt8},
    {stopped:UInt64},
    {downgraded:UInt64},
    fromUnixTimestamp64Milli({expires_at:Int64}, 'UTC')

INSERT INTO dropped (dropped_at, name, partition, reason, rows, bytes)
SELECT
    fromUnixTimestamp64Milli({dropped_at:Int64}, 'UTC'),
    {name:String},
    {partition:String},
    {reason:String},
    {rows:UInt64},
    {bytes:UInt64}

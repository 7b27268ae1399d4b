INSERT INTO budgets (name, revision, definition, source, created_at, deleted)
SELECT
    {name:String},
    {revision:UInt64},
    {definition:String},
    {source:String},
    fromUnixTimestamp64Milli({created_at:Int64}, 'UTC'),
    {deleted:UInt8}

-- Drops what processes told of periods long over. Their counts of calls stay, which counters for ever go up by, and so
-- do leases of the terms that never end.
ALTER TABLE $table DELETE
WHERE
    expires_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
    AND stopped = 0 AND downgraded = 0
    AND NOT has({endless:Array(String)}, terms)

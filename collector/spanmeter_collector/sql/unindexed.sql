-- The tables of an older version: the ledger, where it has no index of when its entries were recorded.
SELECT name
FROM system.tables
WHERE database = currentDatabase()
  AND name = {charges:String}
  AND name NOT IN (
      SELECT table FROM system.data_skipping_indices WHERE database = currentDatabase() AND name = 'recorded_index'
  )

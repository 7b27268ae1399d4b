-- The hours, in seconds after 1970, whose calls an earlier version summed up again without those that stand in the ledger.
-- Each call that stands counts once at least, so there are never fewer than calls. Hours whose ledger was dropped stay.
SELECT toUnixTimestamp(charge_sums.time) AS began
FROM charge_sums
WHERE level = 'calls_by_hour'
  AND toString(toYYYYMM(charge_sums.time)) IN (
    SELECT partition_id FROM system.parts WHERE active AND database = currentDatabase() AND table = 'charges'
  )
GROUP BY began
HAVING sum(charge_sums.calls) > sum(charge_sums.billed)
ORDER BY began

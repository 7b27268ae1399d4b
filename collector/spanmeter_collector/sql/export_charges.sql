-- The entries of the ledger as they are, in its order.
SELECT
    $columns
FROM charges
WHERE charges.time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
  AND charges.time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
  AND $filters
ORDER BY charges.time, trace_id, span_id
SETTINGS format_csv_null_representation = '', output_format_parquet_row_group_size = 65536, max_execution_time = 0

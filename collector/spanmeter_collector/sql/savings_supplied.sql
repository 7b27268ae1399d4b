-- How many bytes of documents beyond the first of each search a call was asked with: of the steps that ended before it
-- began and since the call before the last of them; of these, what the last choice left and what was found since. What a
-- step put together is its. A part of savings.sql where the number of documents is named.
SELECT id, surplus_bytes
FROM (
    SELECT
        call.2 AS id,
        call.3 AS asked_bytes,
        arrayFilter(step -> step.2 <= call.1, outer_steps) AS before,
        arrayMax(arrayFilter(other -> other < before[-1].2, began)) AS called_before,
        arrayFilter(step -> step.2 > called_before, before) AS recent,
        arrayMax(arrayMap(step -> if(step.3 IN ('postprocess', 'rerank'), step.1, 0), recent)) AS chosen,
        arrayFilter(step -> step.2 > chosen, recent) AS given,
        arraySum(arrayMap(step -> step.6, given)) AS bytes,
        arraySum(arrayMap(step -> step.7, given)) AS surplus_bytes
    FROM (
        SELECT
            arraySort(step -> step.2, groupArrayIf((
                toUnixTimestamp64Nano(start_time),
                toUnixTimestamp64Nano(start_time) + toInt64(duration_ns),
                operation,
                span_id,
                parent_span_id,
                arraySum(document_bytes),
                arraySum(arraySlice(document_bytes, {top_k:Int64} + 1))
            ), notEmpty(document_bytes))) AS steps,
            arrayFilter(
                step -> NOT arrayExists(
                    other -> other.4 != step.4 AND (other.4 = step.5 OR (other.3 != 'retrieval' AND other.1 <= step.1 AND step.2 <= other.2)),
                    steps
                ),
                steps
            ) AS outer_steps,
            groupArrayIf(toUnixTimestamp64Nano(start_time), operation IN {generations:Array(String)}) AS began,
            groupArrayIf(
                (toUnixTimestamp64Nano(start_time), cityHash64(trace_id, span_id), asked_bytes),
                operation IN {generations:Array(String)} AND asked_bytes > 0 AND start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')
            ) AS calls
        FROM spans
        WHERE start_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC') - INTERVAL 1 HOUR
          AND start_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
          AND (operation IN {generations:Array(String)} OR notEmpty(document_bytes))
        GROUP BY trace_id
        HAVING notEmpty(calls) AND notEmpty(outer_steps)
    )
    ARRAY JOIN calls AS call
)
WHERE surplus_bytes > 0 AND bytes <= asked_bytes

-- Read sheets of spans, and tell those whose row takes no more than this from those that Python is to read. What
-- Python would read of the others is held equal by tests/collector/test_staging.py.
--
-- Each attribute has a slot by its key: 0 keeps it among the attributes, 1 to 9 is a column of that number, 10 to 19 an
-- operation in its own words, 20 to 39 one in words to be translated, 40 an outcome, 99 says that the span is telling.
INSERT INTO staged
SELECT
    rowNumberInAllBlocks(),
    has(slots, 99)
        OR length(claims) != arrayUniq(claims)
        OR length(keys) != arrayUniq(keys)
        OR hasAny(kinds, [5, 6, 7])
        OR arrayExists((kind, number) -> kind = 4 AND NOT (number = 0 OR abs(number) BETWEEN 1e-3 AND 1e15), kinds, said.double_value)
        OR operation_meant IN ('?', {calls:Array(String)})
        OR notEmpty(span.events)
        OR length(span.trace_id) != 16 OR match(span.trace_id, '^\0*$')
        OR length(span.span_id) != 8 OR match(span.span_id, '^\0*$')
        OR span.start_time_unix_nano NOT BETWEEN 1 AND {last:Int64}
        OR has({closed:Array(Int64)}, intDiv(span.start_time_unix_nano, 86400000000000)) AS is_telling,
    if(is_telling AND length(span.trace_id) > 16, '', span.trace_id),
    if(is_telling AND length(span.span_id) > 8, '', span.span_id),
    if(length(span.parent_span_id) = 8, span.parent_span_id, ''),
    toInt64(span.start_time_unix_nano) AS start,
    greatest(toInt64(least(span.end_time_unix_nano, {last:Int64})) - start, 0),
    fromUnixTimestamp64Milli(received_at, 'UTC'),
    span.name,
    transform(span.kind, [1, 2, 3, 4, 5], ['internal', 'server', 'client', 'producer', 'consumer'], ''),
    multiIf(
        outcome IN ('cancelled', 'interrupted'), 'cancelled',
        span.status.code = 1, 'ok',
        span.status.code = 2, 'error',
        'unset'
    ),
    span.status.message,
    texts[indexOf(slots, 1)],
    service,
    instance,
    scope,
    if(has(slots, 2), texts[indexOf(slots, 2)], framework),
    operation_meant,
    texts[indexOf(slots, 3)],
    texts[indexOf(slots, 4)],
    texts[indexOf(slots, 5)],
    texts[indexOf(slots, 6)],
    texts[indexOf(slots, 7)],
    if(is_telling, map(), mapFromArrays(
        arrayFilter((key, slot) -> slot = 0 OR slot >= 20, keys, slots),
        arrayFilter((text, slot) -> slot = 0 OR slot >= 20, texts, slots)
    )),
    mapFromArrays(resource_keys, resource_values)
FROM (
    SELECT
        *,
        arrayFilter(slot -> slot != 0, arrayMap(slot -> if(slot BETWEEN 10 AND 39, 10, slot), slots)) AS claims,
        arrayFirstIndex(slot -> slot BETWEEN 10 AND 39, slots) AS operation_at,
        texts[operation_at] AS operation_said,
        transform(
            concat(keys[operation_at], '=', operation_said),
            {operations_said:Array(String)}, {operations:Array(String)},
            if(slots[operation_at] < 20, operation_said, '?')
        ) AS operation_meant,
        texts[indexOf(slots, 40)] AS outcome
    FROM (
        SELECT
            *,
            arrayMap(
                (slot, text, kind) -> if(slot = 99 OR text != '' AND (kind = 1 OR slot NOT BETWEEN 10 AND 39), slot, 0),
                arrayMap(key -> transform(key, {keys:Array(String)}, {slots:Array(UInt8)}, 0), keys), texts, kinds
            ) AS slots
        FROM (
            SELECT
                span, received_at, scope, framework, service, instance, resource_keys, resource_values,
                span.attributes.key AS keys,
                span.attributes.value AS said,
                CAST(said.value, 'Array(Int8)') AS kinds,
                arrayMap(
                    (kind, text, truth, whole, number) -> multiIf(
                        kind = 1, text,
                        kind = 2, if(truth, 'true', 'false'),
                        kind = 3, toString(whole),
                        kind = 4, concat(toString(number), if(match(toString(number), '[.e]'), '', '.0')),
                        ''
                    ),
                    kinds, said.string_value, said.bool_value, said.int_value, said.double_value
                ) AS texts
            FROM file({sheets:String}, 'Protobuf', '
                spans Array(Tuple(
                    trace_id String,
                    span_id String,
                    parent_span_id String,
                    name String,
                    kind Int32,
                    start_time_unix_nano UInt64,
                    end_time_unix_nano UInt64,
                    attributes Array(Tuple(
                        key String,
                        value Tuple(
                            value Enum8(
                                ''none'' = 0, ''string_value'' = 1, ''bool_value'' = 2, ''int_value'' = 3, ''double_value'' = 4,
                                ''array_value'' = 5, ''kvlist_value'' = 6, ''bytes_value'' = 7
                            ),
                            string_value String,
                            bool_value UInt8,
                            int_value Int64,
                            double_value Float64,
                            array_value String,
                            kvlist_value String,
                            bytes_value String
                        )
                    )),
                    events Array(String),
                    status Tuple(message String, code Int32)
                )),
                received_at Int64,
                scope String,
                framework String,
                service String,
                instance String,
                resource_keys Array(String),
                resource_values Array(String)
            ')
            ARRAY JOIN spans AS span
        )
    )
)
SETTINGS
    max_threads = 1,
    input_format_protobuf_oneof_presence = 1,
    format_schema = {schema:String},
    format_schema_message_name = 'Sheet'

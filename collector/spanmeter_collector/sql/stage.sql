-- Read sheets of spans. What Python would read of them is held equal by tests/collector/test_staging.py.
-- Two spans are of one shape if scope, keys and kinds of values are equal and the deciding keys say the same. Lists,
-- maps and bytes are skipped, so that their kind is 0 as that of an attribute without a value; an empty text is of kind 5.
INSERT INTO staged
SELECT
    rowNumberInAllBlocks(),
    notEmpty(span.events)
        OR length(span.trace_id) != 16 OR match(span.trace_id, '^\0*$')
        OR length(span.span_id) != 8 OR match(span.span_id, '^\0*$')
        OR span.start_time_unix_nano NOT BETWEEN 1 AND {last:Int64}
        OR has({closed:Array(Int64)}, intDiv(span.start_time_unix_nano, 86400000000000))
        OR arrayExists((kind, number) -> kind = 4 AND NOT (number = 0 OR abs(number) BETWEEN 1e-3 AND 1e15), kinds, said.double_value),
    cityHash64(
        {seed:UInt64}, scope, keys,
        arrayMap((kind, text) -> if(kind = 1 AND text = '', 5, kind), kinds, texts),
        arrayFilter((text, key) -> key IN {deciding:Array(String)}, texts, keys)
    ),
    if(length(span.trace_id) > 16, '', span.trace_id),
    if(length(span.span_id) > 8, '', span.span_id),
    if(length(span.parent_span_id) = 8, span.parent_span_id, ''),
    toInt64(span.start_time_unix_nano) AS start,
    greatest(toInt64(least(span.end_time_unix_nano, {last:Int64})) - start, 0),
    received_at,
    span.name,
    transform(span.kind, [1, 2, 3, 4, 5], ['internal', 'server', 'client', 'producer', 'consumer'], ''),
    multiIf(span.status.code = 1, 'ok', span.status.code = 2, 'error', 'unset'),
    span.status.message,
    service,
    instance,
    scope,
    keys,
    arrayMap(
        (kind, text, truth, whole, number) -> multiIf(
            kind = 1, text,
            kind = 2, if(truth, 'true', 'false'),
            kind = 3, toString(whole),
            kind = 4, concat(toString(number), if(match(toString(number), '[.e]'), '', '.0')),
            ''
        ),
        kinds, said.string_value, said.bool_value, said.int_value, said.double_value
    ) AS texts,
    mapFromArrays(resource_keys, resource_values)
FROM (
    SELECT
        span, received_at, scope, service, instance, resource_keys, resource_values,
        span.attributes.key AS keys,
        span.attributes.value AS said,
        CAST(said.value, 'Array(Int8)') AS kinds
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
                        ''none'' = 0, ''string_value'' = 1, ''bool_value'' = 2, ''int_value'' = 3, ''double_value'' = 4
                    ),
                    string_value String,
                    bool_value UInt8,
                    int_value Int64,
                    double_value Float64
                )
            )),
            events Array(String),
            status Tuple(message String, code Int32)
        )),
        received_at Int64,
        scope String,
        service String,
        instance String,
        resource_keys Array(String),
        resource_values Array(String)
    ')
    ARRAY JOIN spans AS span
)
SETTINGS
    max_threads = 1,
    input_format_protobuf_oneof_presence = 1,
    format_schema = {schema:String},
    format_schema_message_name = 'Sheet'

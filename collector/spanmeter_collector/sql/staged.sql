-- Spans on their way into table `spans`, as they stood in the bytes that came in; one batch at a time, gone with the
-- process.
CREATE OR REPLACE TABLE staged (
    number                UInt32,                                      -- place in the batch
    odd                   Bool,                                        -- Python is to read it, whatever its shape
    shape                 UInt64,                                      -- hash of what spans of one shape have in common
    trace_id              FixedString(16),
    span_id               FixedString(8),
    parent_span_id        FixedString(8),
    start_ns              Int64,
    duration_ns           UInt64,
    received_at           Int64,
    name                  String,
    kind                  String,
    status                String,
    status_message        String,
    service               String,
    instance              String,
    scope                 String,
    keys                  Array(String),
    texts                 Array(String),                               -- what the attributes of these keys say
    resource              Map(String, String)
) ENGINE = Memory;

-- What Python made of the keys of each shape. A place is that of a key among the span's, 0 where none of them counts.
CREATE OR REPLACE TABLE shapes (
    shape                 UInt64,
    telling               Bool,                                        -- Python is to read its spans
    measured              Bool,                                        -- Python is to read what `said_at` names
    cancelled             Bool,
    framework             String,
    operation             String,
    provider              String,
    request_model         String,
    model                 String,
    wrapper               Bool,
    error_type_at         UInt16,
    response_id_at        UInt16,
    user_at               UInt16,
    session_at            UInt16,
    tenant_at             UInt16,
    feature_at            UInt16,
    team_at               UInt16,
    said_at               Array(UInt16),
    rest                  Array(Bool),                                 -- of each key, whether it stays an attribute
    counted               Bool,                                        -- its spans are calls whose counts the engine reads
    input_at              UInt16,
    output_at             UInt16,
    cache_read_at         UInt16,
    cache_write_at        UInt16,
    cache_write_5m_at     UInt16,
    cache_write_1h_at     UInt16,
    reasoning_at          UInt16,
    first_chunk_at        UInt16,
    tag                   Array(Bool),                                 -- of each key, whether it is one of the tags
    tags                  Array(String),                               -- the names of those
    cache_at              UInt16,
    cache_result_at       UInt16,
    cache_hits_at         UInt16,
    cache_misses_at       UInt16,
    cache_unpriced_at     UInt16,
    cache_saved_at        UInt16
) ENGINE = Memory;

-- What the tokens of a shape's calls cost on the UTC day on which they end, as the price book says.
CREATE OR REPLACE TABLE prices (
    shape                 UInt64,
    day                   Int64,                                       -- since 1970
    grade                 String,
    steps                 Array(UInt64),                               -- from more input tokens than these on, the next `attos` hold
    attos                 Array(Array(Int64))                          -- of one token of each bucket, in 1e-18 US dollars; -1: not known
) ENGINE = Memory;

-- The staged spans as rows, but for what is measured. Counts in plain digits are read here, others are left to Python.
CREATE OR REPLACE VIEW staged_rows AS
WITH
    texts[input_at] AS input_text,
    texts[output_at] AS output_text,
    texts[cache_read_at] AS cache_read_text,
    texts[cache_write_at] AS cache_write_text,
    texts[cache_write_5m_at] AS cache_write_5m_text,
    texts[cache_write_1h_at] AS cache_write_1h_text,
    texts[reasoning_at] AS reasoning_text,
    texts[first_chunk_at] AS first_chunk_text,
    texts[cache_hits_at] AS cache_hits_text,
    texts[cache_misses_at] AS cache_misses_text,
    texts[cache_unpriced_at] AS cache_unpriced_text,
    texts[cache_saved_at] AS cache_saved_text,
    cache_result_at = 0 OR texts[cache_result_at] = 'hit' AS cache_is_hit
SELECT
    number,
    shape,
    odd OR shapes.telling OR (
        cache_at != 0 AND NOT (
            match(cache_hits_text, '^[0-9]{0,9}$')
            AND match(cache_misses_text, '^[0-9]{0,9}$')
            AND match(cache_unpriced_text, '^[0-9]{0,9}$')
            AND match(cache_saved_text, '^([0-9]{1,12}([.][0-9]{1,12})?)?$')
        )
    ) AS telling,
    shapes.measured AS measured,
    trace_id,
    span_id,
    parent_span_id,
    start_ns,
    duration_ns,
    received_at,
    name,
    kind,
    if(shapes.cancelled, 'cancelled', staged.status) AS status,
    status_message,
    texts[error_type_at] AS error_type,
    service,
    instance,
    scope,
    framework,
    operation,
    provider,
    request_model,
    model,
    texts[response_id_at] AS response_id,
    texts[user_at] AS user,
    texts[session_at] AS session,
    texts[tenant_at] AS tenant,
    texts[feature_at] AS feature,
    texts[team_at] AS team,
    wrapper,
    arrayMap(place -> texts[place], said_at) AS said,
    shapes.counted
        AND match(input_text, '^[0-9]{0,9}$')
        AND match(output_text, '^[0-9]{0,9}$')
        AND match(cache_read_text, '^[0-9]{0,9}$')
        AND match(cache_write_text, '^[0-9]{0,9}$')
        AND match(cache_write_5m_text, '^[0-9]{0,9}$')
        AND match(cache_write_1h_text, '^[0-9]{0,9}$')
        AND match(reasoning_text, '^[0-9]{0,9}$')
        AND match(first_chunk_text, '^([0-9]{1,6}([.][0-9]{1,20})?)?$') AS counted,
    toInt64OrZero(input_text) AS input_total,
    toInt64OrZero(output_text) AS output_total,
    toInt64OrZero(cache_read_text) AS cache_read,
    toInt64OrZero(cache_write_5m_text) AS cache_written_5m,
    toInt64OrZero(cache_write_1h_text) AS cache_write_1h,
    if(cache_written_5m = 0 AND cache_write_1h = 0, toInt64OrZero(cache_write_text), cache_written_5m) AS cache_write_5m,
    toInt64OrZero(reasoning_text) AS reasoning,
    cache_read + cache_write_5m + cache_write_1h AS cached,
    input_total - if(input_total >= cached, cached, 0) AS input,         -- a total below its parts was counted without them
    output_total - if(output_total >= reasoning, reasoning, 0) AS output,
    toUInt64(toDecimal128OrZero(if(counted, first_chunk_text, ''), 9) * 1000000000) AS first_chunk_ns,
    mapFromArrays(shapes.tags, arrayFilter((text, is_tag) -> is_tag, texts, tag)) AS tags,
    texts[cache_at] AS cache,
    if(cache_hits_text = '', toUInt32(cache_is_hit), toUInt32OrZero(cache_hits_text)) AS cache_hits,
    if(cache_misses_text = '', toUInt32(NOT cache_is_hit), toUInt32OrZero(cache_misses_text)) AS cache_misses,
    if(cache_saved_text = '', cache_hits, 0) AS cache_hits_without_usd,
    if(cache_unpriced_text = '', cache_hits_without_usd, toUInt32OrZero(cache_unpriced_text)) AS cache_unpriced_hits,
    toDecimal128OrZero(cache_saved_text, 12) AS cache_saved,
    mapFromArrays(
        arrayFilter((key, stays) -> stays, keys, rest),
        arrayFilter((text, stays) -> stays, texts, rest)
    ) AS attributes,
    resource
FROM staged
ANY LEFT JOIN shapes USING (shape)

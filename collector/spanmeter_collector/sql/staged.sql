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
    rest                  Array(Bool)                                  -- of each key, whether it stays an attribute
) ENGINE = Memory;

-- The staged spans as rows, but for what is measured.
CREATE OR REPLACE VIEW staged_rows AS
SELECT
    number,
    shape,
    odd OR shapes.telling AS telling,
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
    mapFromArrays(
        arrayFilter((key, stays) -> stays, keys, rest),
        arrayFilter((text, stays) -> stays, texts, rest)
    ) AS attributes,
    resource
FROM staged
ANY LEFT JOIN shapes USING (shape)

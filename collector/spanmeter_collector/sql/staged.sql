-- Spans on their way into table `spans`, as the engine read them; one batch at a time, gone with the process.
CREATE TABLE IF NOT EXISTS staged (
    number                UInt32,                                      -- place in the batch
    telling               Bool,                                        -- Python is to read it
    trace_id              FixedString(16),
    span_id               FixedString(8),
    parent_span_id        FixedString(8),
    start_ns              Int64,
    duration_ns           UInt64,
    received_at           DateTime64(3, 'UTC'),
    name                  String,
    kind                  String,
    status                String,
    status_message        String,
    error_type            String,
    service               String,
    instance              String,
    scope                 String,
    framework             String,
    operation             String,
    user                  String,
    session               String,
    tenant                String,
    feature               String,
    team                  String,
    attributes            Map(String, String),
    resource              Map(String, String)
) ENGINE = Memory

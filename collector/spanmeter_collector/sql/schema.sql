-- Observations: what senders said. One row a span.
CREATE TABLE IF NOT EXISTS spans (
    trace_id              FixedString(16),
    span_id               FixedString(8),
    parent_span_id        FixedString(8) CODEC(ZSTD(3)),               -- zeros: a root
    start_time            DateTime64(9, 'UTC') CODEC(T64, ZSTD(1)),
    duration_ns           UInt64 CODEC(T64, ZSTD(1)),
    received_at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    name                  LowCardinality(String),
    kind                  LowCardinality(String),                      -- internal, server, client, producer, consumer
    status                LowCardinality(String),                      -- ok, error, cancelled, unset
    status_message        String CODEC(ZSTD(1)),
    error_type            LowCardinality(String),
    service               LowCardinality(String),
    instance              LowCardinality(String),                      -- service.instance.id: one process
    scope                 LowCardinality(String),
    framework             LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    request_model         LowCardinality(String),
    model                 LowCardinality(String),                      -- response model, else request model
    response_id           String CODEC(ZSTD(1)),
    user                  String CODEC(ZSTD(3)),
    session               String CODEC(ZSTD(1)),
    tenant                LowCardinality(String),
    feature               LowCardinality(String),
    team                  LowCardinality(String),
    wrapper               UInt8,                                       -- encloses the call that is counted
    input_tokens          UInt64 CODEC(T64, ZSTD(1)),                  -- cached included
    cached_input_tokens   UInt64 CODEC(T64, ZSTD(1)),
    output_tokens         UInt64 CODEC(T64, ZSTD(1)),                  -- reasoning included
    reasoning_tokens      UInt64 CODEC(T64, ZSTD(1)),
    first_chunk_ns        UInt64 CODEC(T64, ZSTD(1)),                  -- 0: not a stream
    attributes            Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource              Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    events                String CODEC(ZSTD(1)),                       -- JSON array
    INDEX trace_index trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toDate(start_time)
ORDER BY (start_time, trace_id, span_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What a question about savings reads of calls' spans, kept beside them: who asks about millions of calls has no time to
-- search their attributes. Nothing is looked for in spans of anything else.
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS prompt_hash UInt64
        MATERIALIZED if(kind = 'client', reinterpretAsUInt64(unhex(attributes['spanmeter.prompt.hash'])), 0) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS asked_prefixes Array(UInt64)
        MATERIALIZED if(
            prompt_hash = 0,
            [],
            arrayMap(
                place -> reinterpretAsUInt64(unhex(substring(attributes['spanmeter.prompt.prefixes'], place * 16 + 1, 16))),
                range(toUInt64(least(8, intDiv(length(attributes['spanmeter.prompt.prefixes']), 16))))
            )
        ) CODEC(ZSTD(1)),
    ADD COLUMN IF NOT EXISTS asked_bytes UInt64
        MATERIALIZED if(prompt_hash = 0, 0, toUInt64OrZero(attributes['spanmeter.prompt.bytes'])) CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS asked_before_bytes UInt64
        MATERIALIZED if(prompt_hash = 0, 0, toUInt64OrZero(attributes['spanmeter.prompt.repeated_bytes'])) CODEC(T64, ZSTD(1)),
    ADD COLUMN IF NOT EXISTS asked_tier LowCardinality(String)
        MATERIALIZED if(
            operation IN ('chat', 'text_completion', 'generate_content', 'embeddings', 'rerank'),
            multiIf(
                attributes['openai.response.service_tier'] != '', attributes['openai.response.service_tier'],
                attributes['gen_ai.openai.response.service_tier'] != '', attributes['gen_ai.openai.response.service_tier'],
                attributes['anthropic.response.service_tier']
            ),
            ''
        ),
    ADD COLUMN IF NOT EXISTS asked_region LowCardinality(String)
        MATERIALIZED if(kind = 'client', attributes['spanmeter.price.region'], ''),
    ADD COLUMN IF NOT EXISTS document_bytes Array(UInt32)
        MATERIALIZED if(
            operation IN ('retrieval', 'postprocess', 'rerank', 'track') AND attributes['spanmeter.retrieval.document_bytes'] != '',
            arrayMap(size -> toUInt32OrZero(size), splitByChar(' ', attributes['spanmeter.retrieval.document_bytes'])),
            []
        ) CODEC(ZSTD(1));

-- The ledger: append-only. A correction is a reversing entry, never an update.
CREATE TABLE IF NOT EXISTS charges (
    time                  DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),   -- start of the call
    recorded_at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    entry                 LowCardinality(String),                      -- charge, reversal (its numbers are negative)
    trace_id              FixedString(16),
    span_id               FixedString(8),
    component             LowCardinality(String),                      -- 'call' carries the counts; else the usage bucket
    calls                 Int64 CODEC(T64, ZSTD(1)),
    failed_calls          Int64 CODEC(T64, ZSTD(1)),
    cache_hits            Int64 CODEC(T64, ZSTD(1)),
    unpriced_calls        Int64 CODEC(T64, ZSTD(1)),
    input_tokens          Int64 CODEC(ZSTD(1)),
    cached_input_tokens   Int64 CODEC(T64, ZSTD(1)),
    output_tokens         Int64 CODEC(ZSTD(1)),
    reasoning_tokens      Int64 CODEC(T64, ZSTD(1)),
    quantity              Int64 CODEC(T64, ZSTD(1)),
    unit                  LowCardinality(String),                      -- token, call, search, second, image, … one of what is counted
    usd_per_unit          Nullable(Decimal(38, 18)),
    usd                   Nullable(Decimal(38, 12)),                   -- NULL: unpriced
    grade                 LowCardinality(String),                      -- reported, computed, estimated, unpriced, '' (nothing to bill)
    price_version         LowCardinality(String),
    service               LowCardinality(String),
    framework             LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    model                 LowCardinality(String),
    user                  String CODEC(ZSTD(3)),
    session               String CODEC(ZSTD(1)),
    tenant                LowCardinality(String),
    feature               LowCardinality(String),
    team                  LowCardinality(String),
    tags                  Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    counted_by            LowCardinality(String),                      -- the process whose own counters count this call
    ended_at              DateTime64(3, 'UTC') CODEC(ZSTD(1)),   -- end of the call, by its sender's clock
    INDEX trace_index trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX recorded_index recorded_at TYPE minmax GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, trace_id, span_id, component)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE charges
    ADD COLUMN IF NOT EXISTS counted_by LowCardinality(String),
    ADD COLUMN IF NOT EXISTS ended_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1));

ALTER TABLE charges ADD INDEX IF NOT EXISTS recorded_index recorded_at TYPE minmax GRANULARITY 1;

-- Where new calls are written: one row a call, of which the view below makes entries of the ledger. Keeps nothing.
CREATE TABLE IF NOT EXISTS bills_1 (
    time                  DateTime64(9, 'UTC'),
    trace_id              FixedString(16),
    span_id               FixedString(8),
    recorded_at           DateTime64(3, 'UTC'),
    calls                 Int64,
    failed_calls          Int64,
    cache_hits            Int64,
    unpriced_calls        Int64,
    grade                 LowCardinality(String),
    price_version         LowCardinality(String),
    service               LowCardinality(String),
    framework             LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    model                 LowCardinality(String),
    user                  String,
    session               String,
    tenant                LowCardinality(String),
    feature               LowCardinality(String),
    team                  LowCardinality(String),
    counted_by            LowCardinality(String),
    ended_at              DateTime64(3, 'UTC'),
    tags                  Map(LowCardinality(String), String),
    components            Array(LowCardinality(String)),               -- an item each for each entry, the first the call's own
    quantities            Array(Int64),
    units                 Array(LowCardinality(String)),
    tokens                Array(UInt8),                                -- 1: input, 2: cached, 4: output, 8: reasoning
    attos                 Array(Int64),                                -- price of one in 1e-18 US dollars; -1: not known
    picos                 Array(Int64)                                 -- price of all in 1e-12 US dollars; -1: not known
) ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS bills_1_entries TO charges AS
SELECT
    time,
    recorded_at,
    'charge' AS entry,
    trace_id,
    span_id,
    component,
    if(component = 'call', bills_1.calls, 0) AS calls,
    if(component = 'call', bills_1.failed_calls, 0) AS failed_calls,
    if(component = 'call', bills_1.cache_hits, 0) AS cache_hits,
    if(component = 'call', bills_1.unpriced_calls, 0) AS unpriced_calls,
    if(bitTest(token, 0), quantity, 0) AS input_tokens,
    if(bitTest(token, 1), quantity, 0) AS cached_input_tokens,
    if(bitTest(token, 2), quantity, 0) AS output_tokens,
    if(bitTest(token, 3), quantity, 0) AS reasoning_tokens,
    quantity,
    unit,
    if(atto < 0, NULL, reinterpret(toInt128(atto), 'Decimal(38, 18)')) AS usd_per_unit,
    if(pico < 0, NULL, reinterpret(toInt128(pico), 'Decimal(38, 12)')) AS usd,
    grade,
    price_version,
    service,
    framework,
    operation,
    provider,
    model,
    user,
    session,
    tenant,
    feature,
    team,
    counted_by,
    ended_at,
    tags
FROM bills_1
ARRAY JOIN
    components AS component,
    quantities AS quantity,
    units AS unit,
    tokens AS token,
    attos AS atto,
    picos AS pico;

-- Cumulative counters that application processes report, for the loss check.
CREATE TABLE IF NOT EXISTS counters (
    time                  DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    start_time            DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    service               LowCardinality(String),
    instance              LowCardinality(String),
    name                  LowCardinality(String),
    attributes            Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    value                 Float64 CODEC(ZSTD(1)),
    received_at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))   -- by the sidecar's clock
) ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (service, instance, name, time)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

ALTER TABLE counters ADD COLUMN IF NOT EXISTS received_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1));

-- The latest of the counters above by the hour they came in: values only grow, so a row that comes twice adds nothing.
CREATE TABLE IF NOT EXISTS readings (
    service               LowCardinality(String),
    instance              LowCardinality(String),
    name                  LowCardinality(String),
    sampled               UInt8,                                       -- 0: what the application's sampler left out
    reason                LowCardinality(String),                      -- why spans were given up
    start_time            DateTime64(9, 'UTC'),
    hour                  DateTime('UTC'),                             -- 1970: from before this table was there
    value                 SimpleAggregateFunction(max, Float64),
    time                  SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
    first_received_at     SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    received_at           SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (service, instance, name, sampled, reason, start_time, hour)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS readings_view TO readings AS
SELECT
    service,
    instance,
    counters.name AS name,
    counters.attributes['spanmeter.sampled'] != 'false' AS sampled,
    counters.attributes['spanmeter.reason'] AS reason,
    counters.start_time AS start_time,
    toStartOfHour(counters.received_at) AS hour,
    max(counters.value) AS value,
    max(counters.time) AS time,
    min(counters.received_at) AS first_received_at,
    max(counters.received_at) AS received_at
FROM counters
GROUP BY service, instance, name, sampled, reason, start_time, hour;

-- What came before that table was there: it is nobody's loss, but what is told from then on is compared with it.
INSERT INTO readings
SELECT
    service,
    instance,
    counters.name AS name,
    counters.attributes['spanmeter.sampled'] != 'false' AS sampled,
    counters.attributes['spanmeter.reason'] AS reason,
    counters.start_time AS start_time,
    toStartOfHour(counters.received_at) AS hour,
    max(counters.value) AS value,
    max(counters.time) AS time,
    min(counters.received_at) AS first_received_at,
    max(counters.received_at) AS received_at
FROM counters
WHERE (SELECT count() FROM readings) = 0
GROUP BY service, instance, name, sampled, reason, start_time, hour;


-- What was not counted, because another span tells of the same call. Append-only: what later spans refute is withdrawn.
CREATE TABLE IF NOT EXISTS duplicates (
    time                  DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),   -- start of the span
    recorded_at           DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    entry                 LowCardinality(String),                      -- found, withdrawn
    reason                LowCardinality(String),
    trace_id              FixedString(16),
    span_id               FixedString(8),
    counted_span_id       FixedString(8),                              -- zeros: not known
    service               LowCardinality(String),
    scope                 LowCardinality(String),
    name                  LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    model                 LowCardinality(String),
    input_tokens          UInt64 CODEC(T64, ZSTD(1)),
    output_tokens         UInt64 CODEC(T64, ZSTD(1)),
    usd                   Nullable(Decimal(38, 12)),                   -- what would have been charged when it was found; never repriced; NULL: not known
    INDEX trace_index trace_id TYPE bloom_filter(0.01) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, trace_id, span_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Requests to the applications' caches, one row a span that tells of some. The same span again replaces its row.
CREATE TABLE IF NOT EXISTS cache_requests (
    time                  DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),   -- start of the span
    trace_id              FixedString(16),
    span_id               FixedString(8),
    service               LowCardinality(String),
    cache                 LowCardinality(String),
    hits                  UInt32 CODEC(T64, ZSTD(1)),
    misses                UInt32 CODEC(T64, ZSTD(1)),
    unpriced_hits         UInt32 CODEC(T64, ZSTD(1)),                  -- hits of which nobody knows what they saved
    saved                 Decimal(38, 12) CODEC(ZSTD(1)),              -- US dollars that the other hits saved
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    model                 LowCardinality(String),
    user                  String CODEC(ZSTD(1)),
    session               String CODEC(ZSTD(1)),
    tenant                LowCardinality(String),
    feature               LowCardinality(String),
    team                  LowCardinality(String)
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, trace_id, span_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
ALTER TABLE cache_requests ADD COLUMN IF NOT EXISTS tags Map(LowCardinality(String), String) CODEC(ZSTD(1));

-- What retention dropped, one row a partition. A day of spans that stands here takes no spans any more.
CREATE TABLE IF NOT EXISTS dropped (
    dropped_at            DateTime64(3, 'UTC'),
    name                  LowCardinality(String),                      -- of the table
    partition             String,                                      -- 20261122 or 202611
    reason                LowCardinality(String),                      -- age, size
    rows                  UInt64,
    bytes                 UInt64
) ENGINE = MergeTree
ORDER BY (name, partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Identifiers, amounts and words take a tenth less than with LZ4. What is stored already changes with its next merge.
-- With base 16 the engine merges more parts in one go, so that a row is rewritten once on its way to millions, not twice.
-- What one batch writes is one file instead of one for each column, until merges make it larger than 64 MB.
ALTER TABLE spans
    MODIFY SETTING default_compression_codec = 'ZSTD(1)', merge_selector_base = 16, min_bytes_for_wide_part = 67108864;

-- Times in order take a fifth to a half less than by their second differences, and are read in half the time; what repeats
-- in the traces of a batch is found by a higher level.
ALTER TABLE spans
    MODIFY COLUMN start_time CODEC(T64, ZSTD(1)),
    MODIFY COLUMN parent_span_id CODEC(ZSTD(3)),
    MODIFY COLUMN user CODEC(ZSTD(3));

ALTER TABLE charges
    MODIFY COLUMN time CODEC(Delta, ZSTD(1)),
    MODIFY COLUMN ended_at CODEC(ZSTD(1)),
    MODIFY COLUMN input_tokens CODEC(ZSTD(1)),
    MODIFY COLUMN output_tokens CODEC(ZSTD(1)),
    MODIFY COLUMN user CODEC(ZSTD(3)),
    MODIFY COLUMN tags CODEC(ZSTD(3));

ALTER TABLE charges
    MODIFY SETTING default_compression_codec = 'ZSTD(1)', merge_selector_base = 16, min_bytes_for_wide_part = 67108864;

-- What budgets are defined; the latest revision of a name counts.
CREATE TABLE IF NOT EXISTS budgets (
    name                  LowCardinality(String),
    revision              UInt64,
    definition            String CODEC(ZSTD(1)),                       -- JSON
    source                LowCardinality(String),                      -- code, file
    created_at            DateTime64(3, 'UTC'),
    deleted               UInt8
) ENGINE = ReplacingMergeTree(revision)
ORDER BY (name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What each process told of a budget and was granted, by period; the latest revision of a holder's latest sequence counts.
CREATE TABLE IF NOT EXISTS budget_leases (
    budget                LowCardinality(String),
    terms                 LowCardinality(String),                      -- of the definition: period, zone, scope, beginning
    period                DateTime64(3, 'UTC'),                        -- its start
    holder                String,
    collector             LowCardinality(String),                      -- the sidecar's process that wrote it
    sequence              UInt64,
    revision              UInt64,
    spent                 Decimal(38, 12),                             -- settled by the holder in the period
    reserved              Decimal(38, 12),                             -- by calls of its under way
    held                  Decimal(38, 12),                             -- what it may have reached before it tells again
    granted               Decimal(38, 12),                             -- what it may reach
    waits                 UInt8,                                       -- for what was not granted
    stopped               UInt64,                                      -- calls
    downgraded            UInt64,                                      -- calls
    expires_at            DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(period)
ORDER BY (budget, terms, period, holder, collector);

-- Which thresholds were crossed, and which process of the sidecar's told of it.
CREATE TABLE IF NOT EXISTS budget_thresholds (
    budget                LowCardinality(String),
    terms                 LowCardinality(String),
    period                DateTime64(3, 'UTC'),
    threshold             Decimal(38, 12),
    collector             LowCardinality(String),
    crossed_at            DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(crossed_at)
PARTITION BY toYYYYMM(period)
ORDER BY (budget, terms, period, threshold, collector)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

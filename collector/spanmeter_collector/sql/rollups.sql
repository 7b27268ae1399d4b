-- What the engine adds up as it stores: one row for each hour, day or month and each combination of the dimensions.
-- `entries` counts the rows of the source, so that a rollup that lacks some is found and filled again.
-- What a rollup loses with the machine's power is filled again as well, so nothing waits for the disk here.
-- Compressed by LZ4: with ZSTD they would take up to two bytes a span less, and more time to read.

-- The ledger by hour or day, at several levels of detail: what a level does not tell apart is empty in its rows.
CREATE TABLE IF NOT EXISTS charge_sums (
    level                 LowCardinality(String),
    time                  DateTime('UTC'),
    service               LowCardinality(String),
    framework             LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    model                 LowCardinality(String),
    grade                 LowCardinality(String),
    component             LowCardinality(String),
    price_version         LowCardinality(String),
    tenant                LowCardinality(String),
    feature               LowCardinality(String),
    team                  LowCardinality(String),
    user                  String CODEC(ZSTD(1)),
    calls                 SimpleAggregateFunction(sum, Int64),
    failed_calls          SimpleAggregateFunction(sum, Int64),
    cache_hits            SimpleAggregateFunction(sum, Int64),
    unpriced_calls        SimpleAggregateFunction(sum, Int64),
    input_tokens          SimpleAggregateFunction(sum, Int64),
    cached_input_tokens   SimpleAggregateFunction(sum, Int64),
    output_tokens         SimpleAggregateFunction(sum, Int64),
    reasoning_tokens      SimpleAggregateFunction(sum, Int64),
    tokens                SimpleAggregateFunction(sum, Int64),
    usd                   SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
    billed                SimpleAggregateFunction(sum, Int64),            -- calls that stand in the ledger, those that failed included
    billed_priced         SimpleAggregateFunction(sum, Int64),            -- those of them whose price is known
    entries               SimpleAggregateFunction(sum, UInt64),
    INDEX feature_index feature TYPE set(64) GRANULARITY 1
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (level, user, tenant, feature, grade, time, model, service, operation, provider, framework, team, component, price_version)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024, merge_selector_base = 16;

-- What spans did and how long they took by hour or day, at several levels of detail. Sketches are large, and a question
-- reads whole granules of them.
CREATE TABLE IF NOT EXISTS span_sums (
    level                 LowCardinality(String),
    time                  DateTime('UTC'),
    wrapper               UInt8,
    service               LowCardinality(String),
    framework             LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    model                 LowCardinality(String),
    user                  String CODEC(ZSTD(1)),
    errors                SimpleAggregateFunction(sum, UInt64),
    streams               SimpleAggregateFunction(sum, UInt64),
    output_tokens         SimpleAggregateFunction(sum, UInt64),
    duration_ns           SimpleAggregateFunction(sum, Float64),
    output_ns             SimpleAggregateFunction(sum, Float64),
    max_ns                SimpleAggregateFunction(max, UInt64),
    durations             AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64),
    first_chunks          AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64),
    entries               SimpleAggregateFunction(sum, UInt64),
    start_time            DateTime('UTC') ALIAS time
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (level, user, time, operation, model, service, provider, framework, wrapper)
SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 128, merge_selector_base = 16;

ALTER TABLE span_sums ADD COLUMN IF NOT EXISTS start_time DateTime('UTC') ALIAS time;

-- The ledger since it began, by the labels of the exported counters. Kept when the ledger's old months are dropped.
CREATE TABLE IF NOT EXISTS ledger_totals (
    time                  DateTime('UTC'),
    service               LowCardinality(String),
    framework             LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    model                 LowCardinality(String),
    grade                 LowCardinality(String),
    component             LowCardinality(String),
    calls                 SimpleAggregateFunction(sum, Int64),
    failed_calls          SimpleAggregateFunction(sum, Int64),
    cache_hits            SimpleAggregateFunction(sum, Int64),
    unpriced_calls        SimpleAggregateFunction(sum, Int64),
    tokens                SimpleAggregateFunction(sum, Int64),
    usd                   SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
    entries               SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (service, framework, operation, provider, model, grade, component)
SETTINGS non_replicated_deduplication_window = 10000;

-- The exported histograms by day: how many operations came within each bucket. The family '' holds nothing but `entries`.
-- Kept when old spans are dropped, so that a month that has to be summed up anew has the days that went.
CREATE TABLE IF NOT EXISTS span_totals_by_day (
    time                  DateTime('UTC'),
    family                LowCardinality(String),
    service               LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    request_model         LowCardinality(String),
    error_type            LowCardinality(String),
    least_in              UInt64,                                      -- the least that the bucket holds
    observed              SimpleAggregateFunction(sum, UInt64),
    total                 SimpleAggregateFunction(sum, Float64),
    entries               SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, family, service, operation, provider, request_model, error_type, least_in)
SETTINGS non_replicated_deduplication_window = 10000;

-- The exported histograms since the first span. Kept when the days are dropped with the ledger's old months.
CREATE TABLE IF NOT EXISTS span_totals (
    time                  DateTime('UTC'),
    family                LowCardinality(String),
    service               LowCardinality(String),
    operation             LowCardinality(String),
    provider              LowCardinality(String),
    request_model         LowCardinality(String),
    error_type            LowCardinality(String),
    least_in              UInt64,                                      -- the least that the bucket holds
    observed              SimpleAggregateFunction(sum, UInt64),
    total                 SimpleAggregateFunction(sum, Float64),
    entries               SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (family, service, operation, provider, request_model, error_type, least_in)
SETTINGS non_replicated_deduplication_window = 10000;

-- How many spans of calls were not counted. Kept when old months are dropped.
CREATE TABLE IF NOT EXISTS duplicate_totals (
    time                  DateTime('UTC'),
    service               LowCardinality(String),
    reason                LowCardinality(String),
    found                 SimpleAggregateFunction(sum, Int64),
    entries               SimpleAggregateFunction(sum, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (service, reason)
SETTINGS non_replicated_deduplication_window = 10000

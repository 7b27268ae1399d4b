-- Which of the sidecars on this server sets right what they did at one time, a minute each: the first to ask for it.
CREATE TABLE IF NOT EXISTS turns (
    minute                DateTime('UTC'),
    holder                String,
    asked_at              DateTime('UTC') DEFAULT now()
) ENGINE = MergeTree
ORDER BY minute
TTL asked_at + INTERVAL 1 DAY
SETTINGS non_replicated_deduplication_window = 1000

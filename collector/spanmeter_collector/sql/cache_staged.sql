-- What staged spans tell of requests to caches, equal to what cache_request.py makes of them.
INSERT INTO cache_requests (
    time, trace_id, span_id, service, cache, hits, misses, unpriced_hits, saved,
    operation, provider, model, user, session, tenant, feature, team, tags
)
SETTINGS max_threads = 1, $settings
SELECT
    fromUnixTimestamp64Nano(start_ns, 'UTC'), trace_id, span_id, service, cache,
    cache_hits, cache_misses, least(cache_unpriced_hits, cache_hits), cache_saved,
    operation, provider, model, user, session, tenant, feature, team, tags
FROM staged_rows
WHERE cache != '' AND NOT telling AND number NOT IN {left_out:Array(UInt32)}

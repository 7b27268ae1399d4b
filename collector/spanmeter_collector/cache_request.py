"""What a span tells of requests to an application's caches: a hit, a miss, and the dollars that hits saved."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from spanmeter import semconv
from spanmeter_collector.row import Row

_MOST_REQUESTS: Final = 2**31
_MOST_USD: Final = Decimal(10**12)
_NOTHING: Final = Decimal(0)


class CacheRequest(NamedTuple):
    """One row of table `cache_requests`; every field is a column of that name.

    `hits` of which `unpriced_hits` saved nobody knows what, `misses`, and the US dollars that the other hits saved.
    """

    time: int
    trace_id: bytes
    span_id: bytes
    service: str
    cache: str
    hits: int
    misses: int
    unpriced_hits: int
    saved: Decimal
    operation: str
    provider: str
    model: str
    user: str
    session: str
    tenant: str
    feature: str
    team: str
    tags: Mapping[str, str]


def cache_request(row: Row) -> CacheRequest | None:
    """Read what a span tells of caches; None for most spans. A hit that names no cache was one of a model's answers."""
    told = row.attributes
    name = told.get(semconv.CACHE_NAME) or (semconv.OTHER_CACHE if told.get(semconv.CACHE_HIT) == "true" else "")
    if not name:
        return None
    is_hit = told.get(semconv.CACHE_RESULT, "hit") == "hit"
    hits, misses = _count(told, semconv.CACHE_HITS, int(is_hit)), _count(told, semconv.CACHE_MISSES, int(not is_hit))
    saved = _usd(told.get(semconv.CACHE_SAVED_USD))
    unpriced = _count(told, semconv.CACHE_UNPRICED_HITS, hits if saved is None else 0)
    return CacheRequest(
        row.start_time,
        row.trace_id,
        row.span_id,
        row.service,
        name,
        hits,
        misses,
        min(unpriced, hits),
        saved or _NOTHING,
        row.operation,
        row.provider,
        row.model,
        row.user,
        row.session,
        row.tenant,
        row.feature,
        row.team,
        _tags(told),
    )


def _tags(told: Mapping[str, str]) -> Mapping[str, str]:
    tags = ((key.removeprefix(semconv.TAG_PREFIX), said) for key, said in told.items() if _is_tag(key))
    return dict(tags)


def _is_tag(key: str) -> bool:
    return key.startswith(semconv.TAG_PREFIX) and key != semconv.TAG_PREFIX


def _count(told: Mapping[str, str], key: str, otherwise: int) -> int:
    text = told.get(key, "")
    return int(text) if text.isascii() and text.isdigit() and int(text) < _MOST_REQUESTS else otherwise


def _usd(text: str | None) -> Decimal | None:
    try:
        usd = Decimal(text or "NaN")
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and 0 <= usd < _MOST_USD else None

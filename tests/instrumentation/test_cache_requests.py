"""What a call tells of caches, and how the price of several texts is shared."""

from __future__ import annotations

from decimal import Decimal

import pytest

from spanmeter import semconv
from spanmeter.cache_requests import CacheRequests

HIT = (True, Decimal("0.1"))
UNPRICED = (True, None)
MISS = (False, None)
NAMED = {semconv.CACHE_NAME: "answers"}


@pytest.mark.parametrize(
    ("requests", "attributes"),
    [
        ([HIT], {semconv.CACHE_RESULT: "hit", semconv.CACHE_SAVED_USD: "0.1"}),
        ([UNPRICED], {semconv.CACHE_RESULT: "hit", semconv.CACHE_UNPRICED_HITS: 1}),
        ([MISS], {semconv.CACHE_RESULT: "miss"}),
        (
            [HIT, HIT],
            {
                semconv.CACHE_RESULT: "hit",
                semconv.CACHE_HITS: 2,
                semconv.CACHE_MISSES: 0,
                semconv.CACHE_SAVED_USD: "0.2",
            },
        ),
        (
            [HIT, UNPRICED, MISS],
            {
                semconv.CACHE_RESULT: "miss",
                semconv.CACHE_HITS: 2,
                semconv.CACHE_MISSES: 1,
                semconv.CACHE_UNPRICED_HITS: 1,
                semconv.CACHE_SAVED_USD: "0.1",
            },
        ),
    ],
)
def test_a_call_tells_of_its_requests(
    requests: list[tuple[bool, Decimal | None]], attributes: dict[str, object]
) -> None:
    told = CacheRequests("answers")
    for hit, saved_usd in requests:
        told.add(hit=hit, saved_usd=saved_usd)

    assert told.attributes() == NAMED | attributes


def missed(times: int) -> CacheRequests:
    told = CacheRequests("answers")
    for _ in range(times):
        told.add(hit=False, saved_usd=None)
    return told


def test_what_is_kept_one_by_one_has_equal_shares_that_add_up() -> None:
    told, spent = missed(3), Decimal("0.000000000100")
    shares = [told.share(spent, among=0) for _ in range(3)]

    assert shares == [Decimal("33e-12"), Decimal("34e-12"), Decimal("33e-12")]


def test_what_is_kept_together_shares_what_it_added() -> None:
    told = missed(3)
    shares = [told.share(Decimal("0.4"), among=2), told.share(Decimal("0.4"), among=1)]

    assert [*shares, told.share(Decimal("0.5"), among=1)] == [Decimal("0.2"), Decimal("0.2"), Decimal("0.1")]


def test_of_an_unknown_price_every_share_is_unknown() -> None:
    assert missed(2).share(None, among=0) is None

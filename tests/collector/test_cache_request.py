"""What spans tell of caches is read from their attributes, whatever stands there."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spanmeter import semconv
from spanmeter_collector.cache_request import cache_request
from spanmeter_collector.row import Row

NAMED = {semconv.CACHE_NAME: "answers"}
HIT = NAMED | {semconv.CACHE_RESULT: "hit"}
SOME = NAMED | {semconv.CACHE_RESULT: "miss", semconv.CACHE_HITS: "2", semconv.CACHE_MISSES: "3"}


def row(attributes: dict[str, str]) -> Row:
    kinds = Row.__annotations__.items()
    blank: dict[str, Any] = {
        name: {"str": "", "int": 0, "bool": False, "bytes": b""}.get(kind.__forward_arg__, {}) for name, kind in kinds
    }
    return Row(**{**blank, "service": "shop", "tenant": "acme", "attributes": attributes})


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        (HIT | {semconv.CACHE_SAVED_USD: "0.000253000000"}, ("answers", 1, 0, 0, Decimal("0.000253"))),
        (HIT | {semconv.CACHE_UNPRICED_HITS: "1"}, ("answers", 1, 0, 1, Decimal(0))),
        (HIT, ("answers", 1, 0, 1, Decimal(0))),
        (NAMED | {semconv.CACHE_RESULT: "miss"}, ("answers", 0, 1, 0, Decimal(0))),
        (SOME | {semconv.CACHE_SAVED_USD: "0.5"}, ("answers", 2, 3, 0, Decimal("0.5"))),
        (
            SOME | {semconv.CACHE_SAVED_USD: "0.5", semconv.CACHE_UNPRICED_HITS: "1"},
            ("answers", 2, 3, 1, Decimal("0.5")),
        ),
        ({semconv.CACHE_HIT: "true"}, ("llm", 1, 0, 1, Decimal(0))),
    ],
)
def test_requests_are_read(attributes: dict[str, str], told: tuple[Any, ...]) -> None:
    found = cache_request(row(attributes))

    assert found is not None
    assert (found.cache, found.hits, found.misses, found.unpriced_hits, found.saved) == told
    assert (found.service, found.tenant) == ("shop", "acme")


@pytest.mark.parametrize("attributes", [{}, {semconv.CACHE_HIT: "false"}, {semconv.CACHE_RESULT: "hit"}])
def test_most_spans_tell_of_none(attributes: dict[str, str]) -> None:
    assert cache_request(row(attributes)) is None


@pytest.mark.parametrize("text", ["NaN", "-1", "Infinity", "much", "1e40", ""])
def test_a_saving_that_is_no_amount_is_not_known(text: str) -> None:
    found = cache_request(row(HIT | {semconv.CACHE_SAVED_USD: text}))

    assert found is not None
    assert (found.unpriced_hits, found.saved) == (1, Decimal(0))


@pytest.mark.parametrize("text", ["-1", "1.5", "9999999999", "²"])
def test_a_count_that_is_none_is_one_request(text: str) -> None:
    found = cache_request(row(HIT | {semconv.CACHE_HITS: text, semconv.CACHE_MISSES: text}))

    assert found is not None
    assert (found.hits, found.misses) == (1, 0)

"""The public API as an application's type checker sees it; mypy checks this file, running it checks the names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import assert_type

import spanmeter
from spanmeter.bill import Totals
from spanmeter.metrics import exposition


def test_the_public_names_are_these() -> None:
    assert spanmeter.__all__ == [
        "Budget",
        "BudgetExceeded",
        "configure_logging",
        "context",
        "instrument",
        "measure",
        "summary",
        "track",
    ]
    assert {name for name in dir(spanmeter) if name in spanmeter.__all__} == set(spanmeter.__all__)


def test_others_can_be_reached_by_who_knows_them() -> None:
    assert (spanmeter.Bill.__name__, spanmeter.uninstrument.__name__) == ("Bill", "uninstrument")


def test_a_bill_is_typed() -> None:
    with spanmeter.context(user="u1", session="s1", tenant="acme", feature="f", team="t", plan="gold"):
        with spanmeter.measure() as bill:
            assert_type(bill, spanmeter.Bill)
        assert_type(bill.cost_usd, Decimal | None)
        assert_type(bill.calls, int)
        assert {model: assert_type(totals, Totals) for model, totals in bill.by_model().items()} == {}


@spanmeter.track("plain")
def plain(value: int) -> str:
    return str(value)


@spanmeter.track("coroutine")
async def coroutine(value: int) -> str:
    return str(value)


@spanmeter.track("generator")
def generator(value: int) -> Iterator[str]:
    yield str(value)


@spanmeter.track("async generator")
async def async_generator(value: int) -> AsyncIterator[str]:
    yield str(value)


async def test_what_is_tracked_keeps_its_types() -> None:
    assert assert_type(plain(1), str) == "1"
    assert assert_type(await coroutine(1), str) == "1"
    assert assert_type(list(generator(1)), list[str]) == ["1"]
    assert assert_type([text async for text in async_generator(1)], list[str]) == ["1"]


def test_metrics_are_bytes_and_their_content_type() -> None:
    body, kind = exposition()
    assert_type(body, bytes)
    assert_type(kind, str)
    assert b"gen_ai_client_operation_duration_seconds" in body

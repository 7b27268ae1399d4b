"""Headroom: what a holder gets of what is left."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanmeter_collector.headroom import Room, headroom
from spanmeter_collector.lease import Ask

CASES: Final = {
    "all that it needs": (("3", "0"), Room(Decimal(3)), "3"),
    "nothing of what is not there whole": (("3", "9"), Room(Decimal("2.99")), "0"),
    "half of the rest for one alone": (("0", "9"), Room(Decimal(10)), "5"),
    "what it wants where that is less": (("0", "2"), Room(Decimal(10)), "2"),
    "what it needs is part of what it wants": (("2", "3"), Room(Decimal(10)), "3"),
    "its share beside others": (("2", "9"), Room(Decimal(10), others=3), "3"),
    "no more than it needs while others wait": (("2", "9"), Room(Decimal(10), is_waited_for=True), "2"),
    "nothing where nothing is left": (("0", "9"), Room(Decimal(0)), "0"),
    "nothing where more is spent than allowed": (("0", "9"), Room(Decimal(-1)), "0"),
    "a share is cut at the twelfth decimal": (("0", "9"), Room(Decimal(1), others=2), "0.166666666666"),
}  # fmt: skip
USD: Final = st.decimals(0, 1000, places=6)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_holder_gets(case: tuple[tuple[str, str], Room, str]) -> None:
    (need, want), room, given_usd = case
    assert headroom(Ask(holder="h", need=Decimal(need), want=Decimal(want)), room) == Decimal(given_usd)


def test_who_ends_gets_nothing() -> None:
    assert headroom(Ask(holder="h", need=Decimal(1), release=True), Room(Decimal(5))) == 0


@given(need=USD, want=USD, left=st.decimals(-10, 1000, places=6), others=st.integers(0, 50), waited=st.booleans())
def test_never_more_than_is_left_and_a_need_whole_or_not_at_all(
    need: Decimal, want: Decimal, left: Decimal, others: int, *, waited: bool
) -> None:
    got = headroom(Ask(holder="h", need=need, want=want), Room(left, others, waited))
    assert 0 <= got <= max(left, Decimal(0))
    assert got == 0 if need > left else got >= need or left <= 0

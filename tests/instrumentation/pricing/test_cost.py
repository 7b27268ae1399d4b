from __future__ import annotations

from decimal import Decimal

from spanmeter.pricing.cost import Component, Cost, together

INPUT = Component("input", 10, Decimal(1), None, Decimal("0.00001"))
UNKNOWN = Component("input", 5, None, None, None)
COMPUTED = Cost(Decimal("0.00001"), "computed", (INPUT,), "v")
UNPRICED = Cost(None, "unpriced", (UNKNOWN,), "v", "no price")


def test_parts_add_up() -> None:
    assert together([COMPUTED, COMPUTED]) == Cost(Decimal("0.00002"), "computed", (INPUT, INPUT), "v")


def test_one_unknown_part_makes_the_whole_unknown() -> None:
    assert together([COMPUTED, UNPRICED]) == Cost(None, "unpriced", (INPUT, UNKNOWN), "v", "no price")

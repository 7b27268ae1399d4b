"""Whatever several sidecars did to one call at one time, its entries are brought to one bill or to none."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from spanmeter_collector.charge import Charge, reversal, standing
from spanmeter_collector.double import corrections, is_sent_twice

AT = 1_795_352_400_000_000_000


def bill(recorded_at: int, *, version: str = "v1", usd: str = "0.25", parts: int = 1) -> list[Charge]:
    """A call of some parts that cost the same."""
    known = {"time": AT, "recorded_at": recorded_at, "entry": "charge", "trace_id": bytes(16), "span_id": bytes(8)}
    about = {"grade": "computed", "price_version": version, "tags": {"branch": "main"}}
    call = Charge(**known, component="call", calls=1, **about)  # type: ignore[arg-type]
    part = Charge(**known, component="input", input_tokens=7, quantity=7, usd=Decimal(usd), **about)  # type: ignore[arg-type]
    return [call, *([part] * parts)]


def back(entries: Sequence[Charge], recorded_at: int) -> list[Charge]:
    return [reversal(entry, recorded_at=recorded_at) for entry in entries]


NEW: dict[str, Any] = {"version": "v2", "usd": "0.5"}
CASES: dict[str, tuple[list[Charge], list[Charge]]] = {
    "one bill": (bill(1), bill(1)),
    "one bill of equal parts": (bill(1, parts=2), bill(1, parts=2)),
    "repriced": ([*bill(1), *back(bill(1), 2), *bill(2, **NEW)], bill(2, **NEW)),
    "taken back": ([*bill(1), *back(bill(1), 2)], []),
    "charged by two": ([*bill(1), *bill(2)], bill(1)),
    "charged by three in one millisecond, of equal parts": (bill(1, parts=2) * 3, bill(1, parts=2)),
    "charged by two at different prices": ([*bill(1), *bill(2, **NEW)], bill(2, **NEW)),
    "repriced by two": ([*bill(1), *back(bill(1), 2) * 2, *bill(2, **NEW), *bill(3, **NEW)], bill(2, **NEW)),
    "charged by two and repriced": ([*bill(1) * 2, *back(bill(1), 2) * 2, *bill(2, **NEW) * 2], bill(2, **NEW)),
    "taken back by two": ([*bill(1), *back(bill(1), 2) * 2], []),
    "repriced by one and taken back by another": ([*bill(1), *back(bill(1), 2) * 2, *bill(2, **NEW)], []),
    "a double that two took back": ([*bill(1) * 2, *back(bill(1), 2) * 2], []),
    "a double repriced by one while another took one back": (
        [*bill(1) * 2, *back(bill(1), 2) * 3, *bill(2, **NEW) * 2],
        bill(2, **NEW),
    ),
}


def said(entries: Sequence[Charge]) -> list[tuple[object, ...]]:
    return sorted((entry.component, entry.price_version, entry.usd, entry.calls) for entry in entries)


@pytest.mark.parametrize(("entries", "expected"), CASES.values(), ids=CASES.keys())
def test_what_stands_after_the_corrections(entries: list[Charge], expected: list[Charge]) -> None:
    for order in (entries, entries[::-1], random.Random(1).sample(entries, len(entries))):
        corrected = corrections(order, recorded_at=9)
        whole = [*entries, *corrected]

        assert said(standing(whole)) == said(expected)
        assert sum(entry.usd or 0 for entry in whole) == sum(entry.usd or 0 for entry in expected)
        assert corrections(whole, recorded_at=10) == []
        assert {entry.recorded_at for entry in corrected} <= {9}


def test_what_is_as_it_should_be_is_left_alone() -> None:
    fine = [
        case
        for name, case in CASES.items()
        if not name.startswith(("charged", "a double", "repriced by", "taken back by"))
    ]

    assert [corrections(entries, recorded_at=9) for entries, _ in fine] == [[], [], [], []]


def test_only_charges_alone_say_that_a_span_came_twice() -> None:
    twice = {name for name, (entries, _) in CASES.items() if is_sent_twice(entries)}

    assert twice == {
        "charged by two",
        "charged by three in one millisecond, of equal parts",
        "charged by two at different prices",
    }

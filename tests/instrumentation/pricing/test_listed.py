from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from genai_prices.data import providers

from spanmeter.pricing.listed import Listed, dated_changes
from spanmeter.pricing.overlay import PriceEntry
from spanmeter.pricing.rates import Rate
from spanmeter.pricing.scope import LAST, Scope

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OWN = {"input_mtok": Rate(Decimal(1))}


def _entry(*, fills: bool = False, end: datetime = LAST) -> PriceEntry:
    return PriceEntry(Scope("p", ("m",), end=end), OWN, fills)


def test_a_model_is_known_by_an_entry_that_does_not_only_fill() -> None:
    cases = [(), (_entry(fills=True),), (_entry(fills=True), _entry())]
    assert [Listed("p", "m", (), entries=entries).known for entries in cases] == [False, False, True]


def test_what_fills_does_not_replace() -> None:
    dear = {"input_mtok": Rate(Decimal(9)), "output_mtok": Rate(Decimal(9))}
    filling = PriceEntry(Scope("p", ("m",)), dear, fills=True)
    for entries in ((_entry(), filling), (filling, _entry())):
        sheet = Listed("p", "m", (), entries=entries).standard(NOON)
        assert {key: rate.base for key, rate in sheet.items()} == {"input_mtok": 1, "output_mtok": 9}


def test_a_price_may_change_when_an_entry_ends() -> None:
    listed = Listed("p", "m", (), entries=(_entry(end=NOON),))
    assert (listed.changes(NOON.date()), listed.changes(date(2026, 1, 2))) == ({time(12)}, set())


def test_the_list_s_dated_prices_are_found() -> None:
    (model,) = [model for each in providers if each.id == "openai" for model in each.models if model.id == "o3"]
    assert date(2025, 6, 10) in set(dated_changes(model))

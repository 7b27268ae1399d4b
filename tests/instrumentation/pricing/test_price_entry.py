from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from spanmeter.pricing.price_entry import Entry
from spanmeter.pricing.rates import Rate
from spanmeter.pricing.scope import FIRST, LAST, Scope

LINES = {("price", 0): 3, ("price", 0, "model"): 5, ("price", 0, "prices", "input"): 9}


def _entry(**values: object) -> Entry:
    return Entry(("price", 0), values, dict(LINES))


def test_a_scope_is_read_in_lower_case_with_the_provider_as_it_is_listed() -> None:
    entry = _entry(provider="Azure_OpenAI", models=["GPT-4o ", "o*"], service_tier="Batch", start=date(2026, 1, 1))
    january = datetime(2026, 1, 1, tzinfo=UTC)
    assert entry.scope() == Scope("azure", ("gpt-4o", "o*"), january, LAST, service_tier="batch")
    assert entry.problems == []


def test_an_entry_about_all_models_names_none() -> None:
    assert _entry(provider="p").scope(any_model=True) == Scope("p", ("*",), FIRST, LAST)


def test_a_time_without_zone_is_utc() -> None:
    entry = _entry(provider="p", model="m", start=datetime(2026, 1, 1, 9))  # noqa: DTZ001  as TOML gives it
    assert entry.scope().start == datetime(2026, 1, 1, 9, tzinfo=UTC)


def test_prices_may_be_whole_decimal_or_have_steps() -> None:
    table = {"input": 2, "output": Decimal("0.5"), "cache_read": [[0, 1], [10, Decimal("2.5")]]}
    assert _entry(prices=table).table("prices", table) == {
        "input": Rate(Decimal(2)),
        "output": Rate(Decimal("0.5")),
        "cache_read": Rate(Decimal(1), ((10, Decimal("2.5")),)),
    }


def test_a_problem_is_on_the_line_of_its_key_or_of_what_holds_it() -> None:
    entry = _entry()
    for key in ("model", "prices.input", "prices.output", "other"):
        entry.wrong(key, "it is odd", "even ones")
    assert entry.problems == [
        (5, "key 'model': it is odd; allowed: even ones"),
        (9, "key 'prices.input': it is odd; allowed: even ones"),
        (3, "key 'prices.output': it is odd; allowed: even ones"),
        (3, "key 'other': it is odd; allowed: even ones"),
    ]

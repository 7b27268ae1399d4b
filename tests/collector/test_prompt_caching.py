"""Providers' prompt caches: what was read, what was written, and what was written and never read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.prompt_caching import OPTIONS, answer_prompt_caching
from spanmeter_collector.selection import read_selection
from spanmeter_collector.store import Store

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)
PRICES = {"cache_read": "0.0000003", "cache_write_5m": "0.00000375", "cache_write_1h": "0.000006", "input": "0.000003"}
AUDIO = {"cache_read_audio": "0.0000025", "input_audio": "0.00004"}
BOOK = PriceBook.load(prices="")
CLAUDE = {"service": "shop", "provider": "anthropic", "model": "claude-sonnet-4-5", "tenant": "acme"}


def charge(component: str, tokens: int, *, minutes: float, span: int, **known: Any) -> Charge:
    """An entry that many minutes before now."""
    time_ns = round((NOW - timedelta(minutes=minutes)).timestamp() * 1e9)
    price = known.pop("price", Decimal({**PRICES, **AUDIO}[component.partition("@")[0]]))
    return Charge(
        **{
            "time": time_ns,
            "recorded_at": time_ns // 1_000_000,
            "entry": "charge",
            "trace_id": bytes(16),
            "span_id": span.to_bytes(8),
            "component": component,
            "quantity": tokens,
            "unit": "token",
            "usd_per_unit": price,
            "usd": None if price is None else price * tokens,
            "grade": "computed",
            "price_version": "v1",
            "tags": {},
            **CLAUDE,
            **known,
        }
    )


def answer(store: Store, *charges: Charge, **query: str) -> dict[str, Any]:
    store.write(Batch(charges=charges), token="1")
    selection = read_selection(query.items(), OPTIONS, now=NOW)
    return answer_prompt_caching(store, BOOK, selection, now=NOW).model_dump()


def total(store: Store, *charges: Charge, **query: str) -> tuple[int, int, int, int]:
    """Tokens read, written, written and never read, written and still to be read."""
    found = answer(store, *charges, **query)["total"]
    return tuple(found[name] for name in ("read_tokens", "written_tokens", "never_read_tokens", "open_tokens"))


def test_the_whole_answer(store: Store) -> None:
    found = answer(
        store,
        charge("cache_write_5m", 1000, minutes=60, span=1),
        charge("input", 50, minutes=60, span=1),
        charge("cache_read", 1000, minutes=58, span=2),
        charge("input", 50, minutes=58, span=2),
        charge("cache_write_1h", 500, minutes=90, span=3, model="claude-haiku-4-5"),
        charge("input", 50, minutes=90, span=3, model="claude-haiku-4-5"),
    )

    read = {"read_tokens": 1000, "read_usd": "0.0003", "read_saved_usd": "0.0027"}
    unread = {"read_tokens": 0, "read_usd": "0", "read_saved_usd": "0"}
    kept = {"written_tokens": 1000, "written_usd": "0.00375", "write_extra_usd": "0.00075", "net_saved_usd": "0.00195"}
    lost = {"written_tokens": 500, "written_usd": "0.003", "write_extra_usd": "0.0015", "net_saved_usd": "-0.0015"}
    named = {"provider": "anthropic"}
    known = {"open_tokens": 0, "unpriced_tokens": 0}
    none_lost, all_lost = ({"never_read_tokens": n, "never_read_usd": usd} for n, usd in ((0, "0"), (500, "0.003")))
    assert found == {
        "rows": [
            {**named, "model": "claude-sonnet-4-5", **read, **kept, **none_lost, **known},
            {**named, "model": "claude-haiku-4-5", **unread, **lost, **all_lost, **known},
        ],
        "total": {
            **read,
            "written_tokens": 1500,
            "written_usd": "0.00675",
            "write_extra_usd": "0.00225",
            "net_saved_usd": "0.00045",
            **all_lost,
            **known,
        },
        "since": "2026-11-21T14:00:00Z",
        "until": "2026-11-22T14:00:00Z",
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("component", "minutes", "never_read"),
    [
        ("cache_write_5m", 4.9, 0),
        ("cache_write_5m", 5.1, 1000),
        ("cache_write_1h", 59.9, 0),
        ("cache_write_1h", 60.1, 1000),
        ("cache_write_5m", 0.0, 1000),
        ("cache_write_5m", -1.0, 1000),
    ],
    ids=["in five minutes", "later", "in an hour", "after an hour", "at the same time", "before"],
)
def test_a_write_has_to_be_read_while_it_is_kept(component: str, minutes: float, never_read: int, store: Store) -> None:
    write = charge(component, 1000, minutes=120, span=1)

    assert total(store, write, charge("cache_read", 10, minutes=120 - minutes, span=2))[2] == never_read


@pytest.mark.parametrize("other", [{"model": "claude-haiku-4-5"}, {"service": "other"}, {"provider": "aws.bedrock"}])
def test_a_read_of_another_model_service_or_provider_reads_nothing_of_it(other: dict[str, str], store: Store) -> None:
    write = charge("cache_write_5m", 1000, minutes=60, span=1)

    assert total(store, write, charge("cache_read", 10, minutes=59, span=2, **other))[2] == 1000


def test_a_write_that_may_still_be_read_is_open(store: Store) -> None:
    charges = [charge("cache_write_5m", 1000, minutes=4, span=1), charge("cache_write_1h", 100, minutes=59, span=2)]

    assert total(store, *charges) == (0, 1100, 0, 1100)


def test_a_read_after_the_period_counts_for_a_write_in_it(store: Store) -> None:
    charges = [charge("cache_write_1h", 1000, minutes=130, span=1), charge("cache_read", 10, minutes=100, span=2)]

    assert total(store, *charges, until="2h") == (0, 1000, 0, 0)


def test_the_filter_of_a_tenant_leaves_the_reads_of_others_known(store: Store) -> None:
    write = charge("cache_write_5m", 1000, minutes=60, span=1)
    read = charge("cache_read", 10, minutes=59, span=2, tenant="globex")

    assert total(store, write, read, tenant="acme") == (0, 1000, 0, 0)


def test_a_reversed_entry_counts_for_nothing(store: Store) -> None:
    wrong = charge("cache_write_5m", 1000, minutes=60, span=1)
    back = wrong._replace(entry="reversal", quantity=-1000, usd=-Decimal(str(wrong.usd)))

    assert total(store, wrong, back) == (0, 0, 0, 0)


SAVED = ("read_usd", "read_saved_usd", "written_usd", "write_extra_usd", "net_saved_usd", "unpriced_tokens")


def saved(store: Store, *charges: Charge) -> tuple[Any, ...]:
    found = answer(store, *charges)["total"]
    return tuple(found[name] for name in SAVED)


def test_an_unknown_price_is_an_unknown_amount(store: Store) -> None:
    read = charge("cache_read", 10, minutes=60, span=1, price=None)

    assert saved(store, read) == (None, None, "0", "0", None, 10)


def test_what_the_provider_charged_for_all_at_once_tells_nothing_of_its_cache(store: Store) -> None:
    unnamed = charge("cache_read", 10, minutes=60, span=1, price=None)._replace(usd=Decimal(0), grade="reported")

    assert saved(store, unnamed) == (None, None, "0", "0", None, 10)


def test_what_has_no_price_is_counted_and_the_rest_summed_up(store: Store) -> None:
    charges = [
        charge("cache_read", 10, minutes=60, span=1, price=None),
        charge("cache_read", 1000, minutes=59, span=2),
        charge("input", 1, minutes=59, span=2),
    ]

    assert saved(store, *charges) == ("0.0003", "0.0027", "0", "0", "0.0027", 10)


def test_a_call_of_another_tier_saves_by_its_own_prices(store: Store) -> None:
    batch = [
        charge("cache_read", 1000, minutes=59, span=2, price=Decimal("0.00000015")),
        charge("input", 1, minutes=59, span=2, price=Decimal("0.0000015")),
    ]

    assert saved(store, *batch)[1] == "0.00135"


@pytest.mark.parametrize(
    ("price", "expected"),
    [("0.0000003", "0.0027"), ("0.00000015", "0.00135"), ("0.0000006", "0.0054"), ("0.0000007", None)],
    ids=["standard", "batch", "long prompt", "of no price list"],
)
def test_without_plain_input_the_price_book_tells_what_it_would_have_cost(
    price: str, expected: str | None, store: Store
) -> None:
    read = charge("cache_read", 1000, minutes=60, span=1, price=Decimal(price))

    assert saved(store, read)[1] == expected


def test_audio_is_compared_with_audio(store: Store) -> None:
    charges = [
        charge("cache_read_audio", 1000, minutes=60, span=1),
        charge("input_audio", 10, minutes=60, span=1),
        charge("input", 10, minutes=60, span=1),
    ]

    assert saved(store, *charges)[1] == "0.0375"


def test_a_part_of_another_model_is_compared_with_that_model(store: Store) -> None:
    charges = [
        charge("cache_read@claude-haiku-4-5", 1000, minutes=60, span=1, price=Decimal("0.0000001")),
        charge("input@claude-haiku-4-5", 1, minutes=60, span=1, price=Decimal("0.000001")),
        charge("input", 10, minutes=60, span=1),
    ]

    assert saved(store, *charges)[1] == "0.0009"


def test_a_call_that_was_repriced_saves_by_its_new_prices(store: Store) -> None:
    old = [charge("cache_read", 1000, minutes=60, span=1), charge("input", 1, minutes=60, span=1)]
    back = [each._replace(entry="reversal", quantity=-each.quantity, usd=-Decimal(str(each.usd))) for each in old]
    new = [
        charge("cache_read", 1000, minutes=60, span=1, price=Decimal("0.0000001")),
        charge("input", 1, minutes=60, span=1, price=Decimal("0.000001")),
    ]

    assert saved(store, *old, *back, *new)[1] == "0.0009"


def test_a_part_of_another_model_is_read_as_the_others(store: Store) -> None:
    assert total(store, charge("cache_read@claude-haiku-4-5", 10, minutes=60, span=1)) == (10, 0, 0, 0)

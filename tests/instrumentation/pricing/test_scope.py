from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spanmeter.pricing.scope import Scope

JANUARY, MARCH = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_providers_and_models_are_patterns() -> None:
    scope = Scope("open*", ("gpt-4o", "o?"))
    pairs = [("openai", "gpt-4o"), ("openai", "o3"), ("openai", "gpt-4o-mini"), ("azure", "gpt-4o")]
    assert [scope.names(*pair) for pair in pairs] == [True, True, False, False]


def test_an_entry_may_hold_on_some_days_of_the_week() -> None:
    weekend = Scope("p", ("m",), weekdays=frozenset({5, 6}))
    assert [weekend.holds(datetime(2026, 11, day, tzinfo=UTC)) for day in (20, 21, 22, 23)] == [
        False,
        True,
        True,
        False,
    ]


def test_an_entry_without_tenant_is_for_all() -> None:
    assert [Scope("p", ("m",), tenant=tenant).serves("acme-1") for tenant in ("", "acme-*", "acme")] == [
        True,
        True,
        False,
    ]


def test_the_narrower_entry_is_larger() -> None:
    names = [("openai", "gpt-4o-mini")]
    scopes = [
        Scope("openai", ("*",)),
        Scope("openai", ("gpt-*", "other-and-much-longer")),
        Scope("openai", ("gpt-4o-mini",)),
        Scope("openai", ("*",), region="eu"),
        Scope("openai", ("*",), service_tier="batch"),
        Scope("openai", ("*",), tenant="acme"),
    ]
    ranks = [scope.narrowness(names) for scope in scopes]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        (Scope("p", ("m",)), ""),
        (Scope("p", ("m",), start=JANUARY), "from 2026-01-01"),
        (Scope("p", ("m",), start=JANUARY, end=MARCH), "from 2026-01-01 until 2026-03-01T12:30Z"),
    ],
)
def test_its_dates_can_be_read(scope: Scope, text: str) -> None:
    assert str(scope) == text

"""A budget is defined by fields that say what is wrong with them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest

from spanmeter.budget_definition import BudgetDefinition, DefinitionError

WHOLE: Final[dict[str, Any]] = {
    "limit_usd": "25.5",
    "period": "month",
    "timezone": "Europe/Berlin",
    "scope": {"model": "gpt-4o", "tag.plan": "gold", "tenant": "acme"},
    "action": "downgrade",
    "downgrade": {"gpt-4o": "gpt-4o-mini"},
    "on_unknown": "stop",
    "thresholds": ["0.25", "1"],
    "webhook": "https://hooks.example/T1/secret",
}
WRONG: Final[dict[str, tuple[object, dict[str, Any], str]]] = {
    "no name": ("", {}, "name='' is no name of a budget; allowed: up to 64 letters"),
    "a path for a name": ("a/b", {}, "name='a/b' is no name of a budget"),
    "a number for a name": (7, {}, "name=7 is no name of a budget"),
    "an unknown field": ("b", {"limit": "1"}, "there is no field 'limit'; allowed: limit_usd, period, timezone"),
    "no limit": ("b", {"limit_usd": None}, "limit_usd=None is not allowed; allowed: US dollars above 0"),
    "a limit of nothing": ("b", {"limit_usd": "0"}, "limit_usd='0' is not allowed"),
    "a limit below nothing": ("b", {"limit_usd": -3}, "limit_usd=-3 is not allowed"),
    "a limit without end": ("b", {"limit_usd": "Infinity"}, "limit_usd='Infinity' is not allowed"),
    "a limit that is none": ("b", {"limit_usd": "NaN"}, "limit_usd='NaN' is not allowed"),
    "a binary fraction": ("b", {"limit_usd": 2.5}, "limit_usd=2.5 is not allowed; .* as text, whole or Decimal"),
    "a truth value": ("b", {"limit_usd": True}, "limit_usd=True is not allowed"),
    "words": ("b", {"limit_usd": "a lot"}, "limit_usd='a lot' is not allowed"),
    "too fine": ("b", {"limit_usd": "1e-13"}, "limit_usd='1e-13' is not allowed"),
    "a period": ("b", {"period": "year"}, "period='year' is not allowed; allowed: day, week, month, total, request"),
    "a zone": ("b", {"timezone": "Europe/Bonn"}, "timezone='Europe/Bonn' is no time zone; allowed: IANA names"),
    "a file for a zone": ("b", {"timezone": "/etc/passwd"}, "timezone='/etc/passwd' is no time zone"),
    "a scope in words": ("b", {"scope": "acme"}, "scope='acme' is not allowed; allowed: dimensions such as"),
    "an empty scope": ("b", {"scope": {"tenant": ""}}, "scope={'tenant': ''} is not allowed"),
    "a tag without a name": ("b", {"scope": {"tag.": "x"}}, "scope names 'tag.'; allowed: user"),
    "an action": ("b", {"action": "explode"}, "action='explode' is not allowed; allowed: stop, warn, downgrade"),
    "no other model": ("b", {"action": "downgrade"}, "downgrade is missing; expected models such as"),
    "a model to itself": ("b", {"action": "downgrade", "downgrade": {"a": "a"}}, "downgrade goes round: a -> a;"),
    "a circle": (
        "b",
        {"action": "downgrade", "downgrade": {"a": "b", "b": "c", "c": "b"}},
        "downgrade goes round: a -> b -> c -> b; expected models that end at the cheapest",
    ),
    "models without action": ("b", {"downgrade": {"a": "b"}}, "and action is 'stop'$"),
    "what is unknown": ("b", {"on_unknown": "warn"}, "on_unknown='warn' is not allowed; allowed: allow, stop"),
    "a threshold alone": ("b", {"thresholds": "0.5"}, "thresholds='0.5' is no list"),
    "a percentage": ("b", {"thresholds": ["50"]}, "thresholds='50' is not allowed; allowed: shares of the limit"),
    "a secret in words": ("b", {"webhook": "hooks.example/secret"}, "^webhook is no address; allowed: http"),
}  # fmt: skip


def test_a_definition_comes_back_from_its_fields() -> None:
    defined = BudgetDefinition.of("acme-monthly", WHOLE)
    assert defined == BudgetDefinition(
        name="acme-monthly",
        limit_usd=Decimal("25.5"),
        period="month",
        timezone="Europe/Berlin",
        scope={"model": "gpt-4o", "tag.plan": "gold", "tenant": "acme"},
        action="downgrade",
        downgrade={"gpt-4o": "gpt-4o-mini"},
        on_unknown="stop",
        thresholds=(Decimal("0.25"), Decimal(1)),
        webhook="https://hooks.example/T1/secret",
    )
    assert defined.as_fields() == WHOLE
    assert "secret" not in repr(defined)


def test_what_is_not_said_has_a_default() -> None:
    defined = BudgetDefinition.of("b", {"limit_usd": 10, "scope": {"plan": "gold"}})
    assert defined.as_fields() == {
        "limit_usd": "10",
        "period": "day",
        "timezone": "UTC",
        "scope": {"tag.plan": "gold"},
        "action": "stop",
        "downgrade": {},
        "on_unknown": "allow",
        "thresholds": ["0.5", "0.8", "1"],
        "webhook": None,
    }


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_what_is_allowed(case: tuple[object, dict[str, Any], str]) -> None:
    name, told, sentence = case
    with pytest.raises(DefinitionError, match=sentence):
        BudgetDefinition.of(name, {"limit_usd": "1", **told})


def test_a_limit_has_to_be_named() -> None:
    with pytest.raises(DefinitionError, match=r'^limit_usd is missing; expected US dollars such as "25"$'):
        BudgetDefinition.of("b", {})

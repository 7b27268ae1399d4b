"""Budgets are found by whom a call is made for."""

from __future__ import annotations

import pytest

import spanmeter
from spanmeter import semconv
from spanmeter.budget.budgets import Budgets, budgets
from spanmeter.opening import Opening

CHAT = Opening("chat", "chat gpt-5", "langchain", provider="openai", model="gpt-5")


def matching(found: Budgets, opening: Opening = CHAT, /, **scope: str) -> list[str]:
    keys = {"user": semconv.USER_ID, "tenant": semconv.TENANT}
    attributes = {keys.get(name, semconv.TAG_PREFIX + name): value for name, value in scope.items()}
    return [account.definition.name for account in found.matching(attributes, opening)]


@pytest.mark.parametrize(
    ("scope", "holds", "holds_not"),
    [
        ({}, {}, None),
        ({"user": "u1"}, {"user": "u1"}, {"user": "u2"}),
        ({"plan": "free"}, {"plan": "free"}, {}),
        ({"tenant": "a", "plan": "free"}, {"tenant": "a", "plan": "free"}, {"tenant": "a"}),
    ],
)
def test_a_scope_names_whom_it_is_for(
    scope: dict[str, str], holds: dict[str, str], holds_not: dict[str, str] | None
) -> None:
    spanmeter.Budget("b", limit_usd="1", scope=scope)
    assert matching(budgets, CHAT, **holds) == ["b"]
    assert holds_not is None or matching(budgets, CHAT, **holds_not) == []


@pytest.mark.parametrize("scope", [{"model": "gpt-5"}, {"provider": "openai"}, {"operation": "chat"}])
def test_a_scope_names_what_is_asked(scope: dict[str, str]) -> None:
    spanmeter.Budget("b", limit_usd="1", scope=scope)
    other = Opening("embeddings", "embeddings m", "langchain", provider="cohere", model="m")
    assert (matching(budgets), matching(budgets, other)) == (["b"], [])


def test_a_scope_names_a_service() -> None:
    spanmeter.Budget("b", limit_usd="1", scope={"service": "shop"})
    try:
        budgets.serve("shop")
        assert matching(budgets) == ["b"]
        budgets.serve("other")
        assert matching(budgets) == []
    finally:
        budgets.serve("")


def test_the_user_that_a_framework_names_counts() -> None:
    spanmeter.Budget("b", limit_usd="1", scope={"user": "u1"})
    told = Opening("chat", "chat gpt-5", "langchain", attributes={semconv.USER_ID: "u1"})
    assert (matching(budgets, told), matching(budgets, told, user="u2")) == (["b"], [])


def test_a_budget_that_is_closed_holds_no_longer() -> None:
    budget = spanmeter.Budget("b", limit_usd="1")
    budget.close()
    assert (budgets.groups, budgets.accounts) == ((), {})

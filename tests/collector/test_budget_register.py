"""The register: budgets outlive the sidecar, the operator's file goes before code."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget import CODE, FILE, Budget, FileBudgetError, UnknownBudgetError
from spanmeter_collector.budget_register import BudgetRegister
from spanmeter_collector.store import Store

NOON: Final = datetime(2026, 11, 23, 12, 0, 0, 123_000, tzinfo=UTC)


def defined(name: str = "b", **told: Any) -> BudgetDefinition:
    return BudgetDefinition.of(name, {"limit_usd": "10", **told})


def register(store: Store, *definitions: BudgetDefinition, now: datetime = NOON) -> BudgetRegister:
    return BudgetRegister(store, definitions, now=lambda: now)


def test_what_code_defines_is_there_after_a_restart_with_its_webhook(store: Store) -> None:
    definition = defined(webhook="https://hooks.example/secret", scope={"tenant": "acme"})
    budget = register(store).put(definition)
    assert budget == Budget(definition, NOON, CODE)
    assert register(store).all() == [budget]


def test_the_same_again_is_no_change_and_another_limit_keeps_the_beginning(store: Store) -> None:
    first = register(store).put(defined())
    later = register(store, now=NOON.replace(day=24))
    assert later.put(defined()) == first
    changed = later.put(defined(limit_usd="20"))
    assert (changed.limit, changed.created_at, changed.terms) == (Decimal(20), NOON, first.terms)
    assert later.put(defined(limit_usd="20", period="week")).terms != first.terms


def test_one_that_was_deleted_begins_anew(store: Store) -> None:
    budgets = register(store)
    first = budgets.put(defined())
    budgets.delete("b")
    assert register(store).all() == []
    again = register(store, now=NOON.replace(day=24)).put(defined())
    assert again.terms != first.terms


def test_the_file_goes_before_code_and_what_it_lacks_is_gone(store: Store) -> None:
    register(store).put(defined("a", limit_usd="99"))
    budgets = register(store, defined("a"), defined("c"))
    assert [(budget.name, budget.limit, budget.source) for budget in budgets.all()] == [
        ("a", Decimal(10), FILE),
        ("c", Decimal(10), FILE),
    ]
    assert budgets.put(defined("a")).source == FILE
    with pytest.raises(FileBudgetError, match="the sidecar's file of budgets defines 'a'; change it there"):
        budgets.put(defined("a", limit_usd="99"))
    with pytest.raises(FileBudgetError, match="the sidecar's file of budgets defines 'a'; take it out there"):
        budgets.delete("a")
    assert [budget.name for budget in register(store, defined("c")).all()] == ["c"]


def test_an_unknown_name_is_told_with_those_there_are(store: Store) -> None:
    budgets = register(store)
    with pytest.raises(UnknownBudgetError, match="there is no budget 'x'; there are: none yet; define one with PUT"):
        budgets.get("x")
    budgets.put(defined("a"))
    with pytest.raises(UnknownBudgetError, match=r"^there is no budget 'x'; there are: a$"):
        budgets.get("x")


def test_what_another_version_wrote_and_this_one_refuses_holds_nobody_up(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    round_and_round = {"limit_usd": "10", "action": "downgrade", "downgrade": {"m": "n", "n": "m"}}
    row = {"name": "a", "revision": 1, "source": CODE, "created_at": 1_795_435_200_123, "deleted": 0}
    store.note("note_budget", row | {"definition": json.dumps(round_and_round)})
    budgets = register(store, defined("b"))
    budgets.read()
    assert [budget.name for budget in budgets.all()] == ["b"]
    refused = "downgrade goes round: m -> n -> m; expected models that end at the cheapest"
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == [f"budget a does not hold until it is defined again: {refused}"]
    assert budgets.put(defined("a")) in register(store, defined("b")).all()


def test_sidecars_on_one_server_learn_what_others_define(server_url: str) -> None:
    stores = [Store.open(server_url) for _ in range(2)]
    one, other = (register(store) for store in stores)
    budget = one.put(defined())
    assert other.get("b") == budget
    one.put(defined(limit_usd="20"))
    other.refresh()
    assert other.get("b").limit == 20
    for store in stores:
        store.close()

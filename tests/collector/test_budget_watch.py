"""The watch tells of each threshold once, in the log and to the webhook, also of what only the ledger knows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.batch import Batch
from spanmeter_collector.budget_watch import BudgetWatch
from spanmeter_collector.budgets import Budgets
from spanmeter_collector.lease import Ask
from spanmeter_collector.leases import Clock
from spanmeter_collector.outbox import Message
from spanmeter_collector.store import Store

LATER: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL: Final = "https://hooks.example/secret"


def test_a_threshold_is_told_once_with_what_is_spent(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    budgets, told = Budgets(store, clock=Clock(now=lambda: LATER)), list[Message]()
    watch = BudgetWatch(budgets, told.append)
    fields = {"limit_usd": "1", "webhook": URL, "thresholds": ["0.125", "0.8"], "scope": {"tenant": "acme"}}
    budgets.register.put(BudgetDefinition.of("b", fields))
    budgets.lease("b", Ask(holder="h", spent=Decimal("0.5"), reserved=Decimal("0.25")))
    caplog.clear()
    watch.look()
    watch.look()
    text = "Budget b has reached 12.5 % of its limit: $0.5000 of $1.00 spent"
    assert caplog.messages == [text]
    assert told == [
        Message(
            "b",
            URL,
            {
                "text": text,
                "budget": "b",
                "threshold": "0.125",
                "limit_usd": "1",
                "spent_usd": "0.5",
                "reserved_usd": "0.25",
                "action": "stop",
                "scope": {"tenant": "acme"},
                "period": "day",
                "period_start": "2026-11-22T00:00:00Z",
                "resets_at": "2026-11-23T00:00:00Z",
            },
        )
    ]
    assert budgets.answer_all().rows[0].reached == ["0.125"]


def test_what_only_the_ledger_knows_is_told_and_without_webhook_only_logged(
    store: Store, known_batch: Batch, caplog: pytest.LogCaptureFixture
) -> None:
    store.write(known_batch, token="known")
    budgets, told = Budgets(store, clock=Clock(now=lambda: LATER)), list[Message]()
    budgets.register.put(BudgetDefinition.of("b", {"limit_usd": "0.0001"}))
    caplog.clear()
    BudgetWatch(budgets, told.append).look()
    assert caplog.messages == ["Budget b has reached 50 % of its limit: $0.000068 of $0.000100 spent"]
    assert told == []


def test_leases_of_periods_long_over_are_swept_once_a_day(store: Store) -> None:
    days = [0]
    clock = Clock(now=lambda: LATER + timedelta(days=days[0]), elapsed=lambda: days[0] * 86_400.0)
    budgets = Budgets(store, clock=clock)
    watch = BudgetWatch(budgets, lambda _: None, elapsed=clock.elapsed)
    for name, period in (("day", "day"), ("all", "total")):
        budgets.register.put(BudgetDefinition.of(name, {"limit_usd": "1", "period": period}))
        budgets.lease(name, Ask(holder="h", spent=Decimal("0.1")))
    budgets.lease("day", Ask(holder="stopped", stopped=3))
    for days[0], left in (
        (34, [("all", "h"), ("day", "h"), ("day", "stopped")]),
        (36, [("all", "h"), ("day", "stopped")]),
    ):
        watch.look()
        assert _leases(store, left) == left


def _leases(store: Store, wanted: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """What is left once the engine, which works deletions off by itself, is done."""
    deadline = time.monotonic() + 30
    while True:
        with store._reader() as client:
            rows = client.query("SELECT DISTINCT budget, holder FROM budget_leases ORDER BY ALL").result_rows
        left = [(str(budget), str(holder)) for budget, holder in rows]
        if left == wanted or time.monotonic() > deadline:
            return left
        time.sleep(0.05)

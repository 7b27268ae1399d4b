"""Budgets as the API tells them: standing, leases, periods, what the ledger adds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.batch import Batch
from spanmeter_collector.budgets import Budgets
from spanmeter_collector.lease import Ask
from spanmeter_collector.leases import Clock
from spanmeter_collector.store import Store

LATER: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
"""After the known calls, which cost 0.0000675 together: 0.00000024 by embeddings, the rest by gpt-4o-mini."""
ALL: Final = Decimal("0.00006774")


@dataclass
class Hands:
    now: datetime = LATER

    def elapsed(self) -> float:
        return self.now.timestamp()

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, elapsed=self.elapsed)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def budgets(store: Store, known_batch: Batch, hands: Hands) -> Budgets:
    store.write(known_batch, token="known")
    return Budgets(store, clock=hands.clock())


def define(budgets: Budgets, name: str = "b", **told: Any) -> Any:
    return budgets.register.put(BudgetDefinition.of(name, {"limit_usd": "1", **told}))


def test_a_budget_is_told_whole(budgets: Budgets) -> None:
    define(budgets, scope={"tenant": "acme"}, timezone="Europe/Berlin", webhook="https://ada:pw@hooks.example/secret")
    told = Ask(holder="h", spent=Decimal("0.25"), reserved=Decimal("0.1"), want=Decimal("0.2"), stopped=3, downgraded=2)
    budgets.lease("b", told)
    (row,) = budgets.answer_all().rows
    assert row.model_dump() == {
        "name": "b",
        "limit_usd": "1",
        "period": "day",
        "timezone": "Europe/Berlin",
        "scope": {"tenant": "acme"},
        "action": "stop",
        "downgrade": {},
        "on_unknown": "allow",
        "thresholds": ["0.5", "0.8", "1"],
        "webhook": "https://hooks.example/",
        "source": "code",
        "created_at": "2026-11-22T12:00:00Z",
        "period_start": "2026-11-21T23:00:00Z",
        "resets_at": "2026-11-22T23:00:00Z",
        "spent_usd": "0.25",
        "reserved_usd": "0.1",
        "lent_usd": "0.2",
        "left_usd": "0.65",
        "share": 0.25,
        "unpriced_calls": 0,
        "holders": 1,
        "stopped_calls": 3,
        "downgraded_calls": 2,
        "usd_per_hour": "0.25",
        "exhausts_at": "2026-11-22T15:00:00Z",
        "reached": [],
    }


def test_a_lease_is_told_whole(budgets: Budgets) -> None:
    define(budgets)
    answer = budgets.lease("b", Ask(holder="h", spent=Decimal("0.25"), need=Decimal("0.05"), want=Decimal("0.2")))
    assert answer.model_dump() == {
        "budget": {
            "limit_usd": "1",
            "period": "day",
            "timezone": "UTC",
            "scope": {},
            "action": "stop",
            "downgrade": {},
            "on_unknown": "allow",
            "thresholds": ["0.5", "0.8", "1"],
            "webhook": None,
        },
        "period": "2026-11-22T00:00:00Z",
        "resets_at": "2026-11-23T00:00:00Z",
        "granted_usd": "0.45",
        "expires_in_s": 10.0,
        "expires_at": "2026-11-22T12:00:10Z",
        "renew_in_s": 3.0,
        "retry_in_s": 0.2,
        "exhausted": False,
        "limit_usd": "1",
        "spent_usd": "0.25",
        "reserved_usd": "0",
    }


@pytest.mark.parametrize(
    ("scope", "spent"),
    [
        ({}, ALL),
        ({"tenant": "acme"}, ALL),
        ({"tenant": "globex"}, Decimal(0)),
        ({"user": "u1"}, ALL),
        ({"branch": "main"}, ALL - Decimal("0.00000024")),
        ({"branch": "other"}, Decimal(0)),
        ({"model": "e-small"}, Decimal("0.00000024")),
        ({"model": "e"}, Decimal(0)),
        ({"operation": "chat", "service": "shop-rag"}, ALL - Decimal("0.00000024")),
    ],
    ids=str,
)
def test_the_ledger_knows_what_is_spent_in_a_scope(budgets: Budgets, scope: dict[str, str], spent: Decimal) -> None:
    assert budgets.standing(define(budgets, scope=scope)).spent == spent


def test_the_ledger_counts_a_period_by_the_clocks_of_its_zone(budgets: Budgets, hands: Hands) -> None:
    kiritimati = define(budgets, timezone="Pacific/Kiritimati")  # its day began at 10:00 UTC
    assert budgets.standing(kiritimati).spent == ALL
    hands.now += timedelta(hours=22)
    assert budgets.standing(kiritimati).spent == 0


def test_a_model_is_found_under_its_dated_name_too(budgets: Budgets, store: Store, known_batch: Batch) -> None:
    dated = [charge._replace(model="gpt-4o-mini-2024-07-18", trace_id=b"\5" * 16) for charge in known_batch.charges]
    other = [charge._replace(model="gpt-4o-mini-audio", trace_id=b"\6" * 16) for charge in known_batch.charges]
    store.write(Batch(charges=[*dated, *other]), token="dated")
    mini = define(budgets, scope={"model": "gpt-4o-mini"})
    assert budgets.standing(mini).spent == ALL + ALL - Decimal("0.00000024")


def test_a_total_begins_when_it_is_defined(budgets: Budgets) -> None:
    assert budgets.standing(define(budgets, period="total")).spent == 0


def test_calls_of_others_leave_less_and_their_price_may_be_unknown(budgets: Budgets) -> None:
    define(budgets, limit_usd="0.0001")
    answer = budgets.lease("b", Ask(holder="h", need=Decimal("0.00005")))
    assert (answer.granted_usd, answer.spent_usd, answer.exhausted) == ("0", "0.00006774", True)
    assert budgets.answer_all().rows[0].unpriced_calls == 1


def test_exhausted_is_said_only_where_no_waiting_helps(budgets: Budgets) -> None:
    define(budgets)
    budgets.lease("b", Ask(holder="a", spent=Decimal("0.5"), reserved=Decimal("0.4")))
    waits = budgets.lease("b", Ask(holder="b", need=Decimal("0.2")))
    never = budgets.lease("b", Ask(holder="c", need=Decimal("0.6")))
    assert (waits.granted_usd, waits.exhausted, waits.renew_in_s) == ("0", False, 0.5)
    assert (never.granted_usd, never.exhausted) == ("0", True)


def test_money_lasts_as_long_as_it_goes_as_in_the_last_hour(budgets: Budgets, hands: Hands) -> None:
    hands.now = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    define(budgets, limit_usd="0.0002")
    (row,) = budgets.answer_all().rows
    assert (row.usd_per_hour, row.exhausts_at) == ("0.00006774", "2026-11-22T12:27:08Z")
    define(budgets, limit_usd="1")
    assert budgets.answer_all().rows[0].exhausts_at is None
    define(budgets, limit_usd="0.00001")
    assert budgets.answer_all().rows[0].exhausts_at == "2026-11-22T10:30:00Z"


def test_over_midnight_a_holder_is_told_the_period_in_force_and_its_late_report_is_kept(
    budgets: Budgets, hands: Hands
) -> None:
    define(budgets)
    period = datetime(2026, 11, 22, tzinfo=UTC)
    hands.now = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    budgets.lease("b", Ask(holder="h", period=period, spent=Decimal("0.9")))
    hands.now += timedelta(seconds=2)
    late = budgets.lease("b", Ask(holder="h", period=period, spent=Decimal("0.95"), want=Decimal("0.1")))
    assert (late.granted_usd, late.period, late.spent_usd) == ("0.95", "2026-11-23T00:00:00Z", "0")
    fresh = budgets.lease("b", Ask(holder="h", period=period + timedelta(days=1), need=Decimal("0.7")))
    assert (fresh.granted_usd, fresh.exhausted) == ("0.7", False)
    hands.now -= timedelta(seconds=2)
    assert budgets.answer_all().rows[0].spent_usd == "0.95"
    early = budgets.lease("b", Ask(holder="h", period=period + timedelta(days=1), want=Decimal("0.1")))
    assert (early.granted_usd, early.period) == ("0", "2026-11-22T00:00:00Z")


def test_a_budget_for_single_requests_has_no_sums(budgets: Budgets) -> None:
    define(budgets, period="request")
    answer = budgets.lease("b", Ask(holder="h", stopped=2))
    (row,) = budgets.answer_all().rows
    assert (answer.granted_usd, answer.exhausted) == ("1", False)
    assert (row.spent_usd, row.share, row.left_usd, row.resets_at, row.stopped_calls) == (None, None, None, None, 2)

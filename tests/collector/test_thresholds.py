"""Each threshold is told once in a period, whoever looks and however often."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget import CODE, Budget, BudgetTime
from spanmeter_collector.store import Store
from spanmeter_collector.thresholds import Thresholds

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
BUDGET: Final = Budget(BudgetDefinition.of("b", {"limit_usd": "10"}), NOON - timedelta(days=9), CODE)
TODAY: Final = BudgetTime.at(BUDGET, NOON)
TOMORROW: Final = BudgetTime.at(BUDGET, NOON + timedelta(days=1))
SHARES: Final = (Decimal("0.5"), Decimal("0.8"), Decimal(1))


def news(thresholds: Thresholds, share: str, time: BudgetTime = TODAY) -> list[Decimal]:
    return [*thresholds.news(time, Decimal(share))]


def test_each_is_news_once_in_a_period(store: Store) -> None:
    thresholds = Thresholds(store)
    assert [news(thresholds, share) for share in ("0.49", "0.5", "0.4", "0.9", "1.2", "1.3")] == [
        [],
        [SHARES[0]],
        [],
        [SHARES[1]],
        [SHARES[2]],
        [],
    ]
    assert news(thresholds, "1", TOMORROW) == [*SHARES]
    assert set(thresholds.reached(TODAY)) == {*SHARES}


def test_a_restart_makes_no_news(store: Store) -> None:
    assert news(Thresholds(store), "0.9") == [*SHARES[:2]]
    assert news(Thresholds(store), "1") == [SHARES[2]]


def test_of_sidecars_that_share_a_server_one_tells(server_url: str) -> None:
    stores = [Store.open(server_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        told = [*pool.map(lambda store: news(Thresholds(store), "0.6"), stores)]
    assert sorted(told) == [[], [SHARES[0]]]
    for store in stores:
        store.close()

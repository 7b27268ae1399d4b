from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from spanmeter_dashboard.answers import CostRow, Sums, add
from spanmeter_dashboard.client import Client
from spanmeter_dashboard.series import Bucket, fold, fold_rows, over_time
from spanmeter_dashboard.window import Window


def row(name: str, usd: str) -> CostRow:
    return CostRow((name,), Sums(calls=1, cost_usd=Decimal(usd)))


def test_folding_keeps_the_order_asked_for_and_adds_up_the_rest() -> None:
    rows = [row("a", "1"), row("b", "2"), row("c", "4"), row("d", "8")]
    assert fold_rows(rows, [("d",), ("a",), ("gone",)]) == (
        row("d", "8"),
        row("a", "1"),
        CostRow(("other",), Sums(calls=2, cost_usd=Decimal(6))),
    )


def test_folding_everything_kept_leaves_no_rest(noon: datetime) -> None:
    bucket = Bucket(Window(noon, noon), (row("a", "1"),))
    assert fold([bucket], [("a",)]) == (bucket,)


@pytest.mark.parametrize("step", ["minute", "2 min", "10 min", "hour", "day"])
def test_buckets_add_up_to_the_whole(client: Client, last_hour: Window, step: str) -> None:
    buckets = over_time(client, last_hour, step=step, group_by=("model",))
    assert add(row.sums for bucket in buckets for row in bucket.rows) == client.cost(last_hour).total
    assert [bucket.window for bucket in buckets] == list(last_hour.buckets(step))


def test_a_filter_holds_for_every_bucket(client: Client, last_hour: Window) -> None:
    buckets = over_time(client, last_hour, step="10 min", group_by=("tenant",), filters=(("model", "gpt-4.1"),))
    assert [row.key for bucket in buckets for row in bucket.rows] == [("globex",)]


def test_a_step_lies_in_the_bucket_of_its_time(client: Client, last_hour: Window) -> None:
    buckets = over_time(client, last_hour, step="2 min", group_by=("model",), filters=(("model", "house-model-1"),))
    start = client.trace("33" * 16).start
    assert [bucket.window for bucket in buckets if bucket.rows] == [
        next(window for window in last_hour.buckets("2 min") if start - window.since < timedelta(minutes=2))
    ]

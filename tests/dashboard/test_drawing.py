from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from spanmeter_dashboard.answers import CostRow, Sums
from spanmeter_dashboard.charts import Bars
from spanmeter_dashboard.drawing import stacked
from spanmeter_dashboard.series import Bucket
from spanmeter_dashboard.window import Window


@pytest.fixture
def bars(noon: datetime) -> Bars:
    hours = [Window(noon + timedelta(hours=hour), noon + timedelta(hours=hour + 1)) for hour in (0, 1)]
    rows = (
        CostRow(("a",), Sums(calls=2, input_tokens=30, cost_usd=Decimal("0.5"))),
        CostRow(("",), Sums(calls=1, cost_usd=None)),
    )
    names: dict[tuple[str, ...], str] = {("a",): "a", ("",): "(no model)"}
    return Bars((Bucket(hours[0], rows), Bucket(hours[1], ())), names, {"a": "#111", "(no model)": "#222"}, "Spend")


def values(chart: dict[str, Any]) -> list[dict[str, Any]]:
    (data,) = chart["datasets"].values()
    return list(data)


def test_segments_stack_on_each_other_with_readable_figures(bars: Bars) -> None:
    drawn = [value for value in values(stacked(bars, height=200).to_dict()) if "text" in value]
    keys = ("group", "low", "high", "text", "calls", "tokens")
    assert [tuple(value[key] for key in keys) for value in drawn] == [
        ("a", 0.0, 0.5, "$0.5000", "2", "30"),
        ("(no model)", 0.5, 0.5, "\N{EN DASH}", "1", "0"),
    ]


def test_the_axis_reaches_over_buckets_in_which_nothing_happened(bars: Bars, noon: datetime) -> None:
    drawn = values(stacked(bars, height=200).to_dict())
    ends = {value["start"] for value in drawn} | {value["end"] for value in drawn}
    assert (min(ends), max(ends)) == (noon.timestamp() * 1000, (noon + timedelta(hours=2)).timestamp() * 1000)


def test_each_group_has_its_colour(bars: Bars) -> None:
    encoding = stacked(bars, height=200).to_dict()["encoding"]
    assert encoding["color"]["scale"] == {"domain": ["a", "(no model)"], "range": ["#111", "#222"]}

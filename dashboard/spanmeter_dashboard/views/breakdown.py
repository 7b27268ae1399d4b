"""A chart over time, cut by dimensions, with its legend of colours, names and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from spanmeter_dashboard import charts, dimensions, markup, palette
from spanmeter_dashboard.answers import Cost
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.series import fold, fold_rows, over_time
from spanmeter_dashboard.window import Window

MOST_GROUPS = 8


@dataclass(frozen=True, slots=True)
class Breakdown:
    """What to draw: the period, its buckets, the dimensions and filters, and what a bar measures."""

    window: Window
    step: str
    group_by: tuple[str, ...]
    filters: Filters = ()
    measure: str = "Spend"


def draw(client: Client, breakdown: Breakdown, answer: Cost, *, height: int) -> None:
    """Draw the largest groups of an answer over time; the rest is one group, `other`."""
    measure = charts.MEASURES[breakdown.measure]
    counted = [row for row in answer.rows if measure.size(row.sums) or row.sums.unpriced_calls]
    ranked = sorted(counted, key=lambda row: -measure.size(row.sums))
    keep = [row.key for row in ranked[:MOST_GROUPS]]
    names = {row.key: dimensions.label(row.key, breakdown.group_by) for row in answer.rows}
    names[(palette.OTHER,)] = palette.OTHER
    colours = _colours(breakdown.group_by[0], keep, names)
    buckets = over_time(
        client, breakdown.window, step=breakdown.step, group_by=breakdown.group_by, filters=breakdown.filters
    )
    from spanmeter_dashboard.drawing import stacked  # noqa: PLC0415  Altair takes long to import; figures come first

    bars = charts.Bars(fold(buckets, keep), names, colours, breakdown.measure, utc=breakdown.step == "day")
    st.altair_chart(
        stacked(bars, height=height), alt=f"{breakdown.measure} over time by {' and '.join(breakdown.group_by)}"
    )
    shown = fold_rows(ranked, keep)
    st.html(markup.legend((names[row.key], colours[names[row.key]], measure.text(row.sums)) for row in shown))


@st.cache_resource(max_entries=100, show_spinner=False)
def register(dimension: str) -> palette.Register:  # noqa: ARG001 - one for each dimension
    """The colours of a dimension's values, the same for every reader and page."""
    return palette.Register()


def _colours(dimension: str, keep: Sequence[tuple[str, ...]], names: Mapping[tuple[str, ...], str]) -> dict[str, str]:
    by_value = register(dimension).colours(first for first, *_ in keep)
    parts = Counter[str]()
    chosen: dict[str, str] = {}
    for first, *rest in keep:
        chosen[names[first, *rest]] = palette.shade(by_value[first], parts[first])
        parts[first] += 1
    return chosen | {palette.OTHER: palette.NEUTRAL}

"""The overview: what was spent, on what, by whom, and how fast it answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import streamlit as st

from spanmeter_dashboard import charts, controls, dimensions, figures, markup, notices, palette, rankings
from spanmeter_dashboard.answers import Cost, LatencyTable, Sums
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.controls import Period
from spanmeter_dashboard.series import Bucket, fold, fold_rows, over_time
from spanmeter_dashboard.window import Window

_GENERATION: Filters = tuple(("operation", name) for name in ("chat", "text_completion", "generate_content"))
_STACKS = ("model", "operation", "framework", "provider", "service", "tenant", "feature", "user")
_MOST_GROUPS = 8
_TOP = 6


@dataclass(frozen=True, slots=True)
class _Question:
    client: Client
    period: Period
    window: Window


@dataclass(frozen=True, slots=True)
class _Figure:
    """A headline figure: its value as text, this period's and the last one's number, and the way it should go."""

    label: str
    value: str
    now: Decimal | float | None
    before: Decimal | float | None
    good: Literal["down", "neither"]


def show(client: Client) -> None:
    """Draw the page."""
    period, live = controls.header("Overview")
    controls.refreshing(client, lambda: _body(client, period), live=live)


def _body(client: Client, period: Period) -> None:
    question = _Question(client, period, period.window(now=controls.now()))
    total = client.cost(question.window).total
    if total.empty:
        st.html(notices.no_calls(period.words, client.url, filtered=False))
        return
    dimension = _headline(question, total)
    _rankings(question, total, dimension)


def _headline(question: _Question, total: Sums) -> str:
    cards = st.container()
    with st.container(border=True):
        title, choice = st.columns([3, 1], vertical_alignment="center")
        title.subheader("Spend over time", anchor=False)
        dimension = choice.selectbox(
            "Stacked by",
            _STACKS,
            key="stack",
            bind="query-params",
            format_func=lambda name: f"by {dimensions.title(name).lower()}",
            label_visibility="collapsed",
        )
        step = question.window.default_step()
        buckets = over_time(question.client, question.window, step=step, group_by=(dimension,))
        _chart(question, buckets, dimension, step)
    with cards:
        _cards(question, total)
    return dimension


def _cards(question: _Question, total: Sums) -> None:
    before = question.client.cost(question.window.before()).total
    speed = question.client.latency(question.window, filters=_GENERATION).total.p95_s
    speed_before = question.client.latency(question.window.before(), filters=_GENERATION).total.p95_s
    priced = figures.share(total.priced_share)
    failed = figures.UNKNOWN if total.error_share is None else figures.share(total.error_share)
    cards = (
        _Figure(f"Spend · {priced} priced", figures.money(total.cost_usd), total.cost_usd, before.cost_usd, "down"),
        _Figure("Calls", figures.count(total.calls), total.calls, before.calls, "neither"),
        _Figure("Tokens", figures.tokens(total.tokens), total.tokens, before.tokens, "neither"),
        _Figure("Failed calls", failed, total.error_share, before.error_share, "down"),
        _Figure("Model call p95", figures.duration(speed), speed, speed_before, "down"),
    )
    grid = st.grid(5, min_column_width=160)
    for card in cards:
        with grid:
            _card(card, question.period)


def _card(card: _Figure, period: Period) -> None:
    change = figures.change(card.now, card.before)
    moved = change is not None and change != "±0%"
    st.metric(
        card.label,
        card.value,
        delta=change or "nothing earlier",
        delta_color="inverse" if moved and card.good == "down" else "off",
        delta_arrow="auto" if moved else "off",
        delta_description=f"vs. {period.before_words}" if change else None,
        border=True,
        height="stretch",
    )


def _chart(question: _Question, buckets: Sequence[Bucket], dimension: str, step: str) -> None:
    answer = question.client.cost(question.window, group_by=(dimension,))
    keep = [row.key for row in answer.rows[:_MOST_GROUPS]]
    names = {row.key: dimensions.value(row.key[0], dimension) for row in answer.rows} | {
        (palette.OTHER,): palette.OTHER
    }
    by_value = palette.colours(row.key[0] for row in answer.rows)
    shown = fold_rows(answer.rows, keep)
    colours = {names[row.key]: by_value.get(row.key[0], palette.NEUTRAL) for row in shown}
    bars = charts.Bars(fold(buckets, keep), names, colours, charts.MEASURES["spend"], utc=step == "day")
    st.altair_chart(charts.stacked(bars, height=260), alt=f"Spend over time by {dimension}")
    st.html(markup.legend((names[row.key], colours[names[row.key]], figures.money(row.sums.cost_usd)) for row in shown))


def _rankings(question: _Question, total: Sums, dimension: str) -> None:
    left, right = st.columns(2)
    with left:
        _spenders(question, total, dimension)
        _speeds(question)
        for name in ("user", "tenant"):
            if name != dimension:
                _spenders(question, total, name)
    with right, st.container(border=True):
        st.subheader("Most expensive traces", anchor=False)
        found = question.client.traces(question.window, order="cost", limit=10)
        address = controls.trace_address(question.period)
        st.html(rankings.traces(found.traces, address=address, zone=controls.zone(), compact=True))


def _spenders(question: _Question, total: Sums, dimension: str) -> None:
    answer: Cost = question.client.cost(question.window, group_by=(dimension,))
    if not any(row.key[0] for row in answer.rows):
        return
    with st.container(border=True):
        st.subheader(f"Top {dimensions.title(dimension).lower()}s", anchor=False)
        colours = palette.colours(row.key[0] for row in answer.rows)
        st.html(rankings.spenders(answer.rows[:_TOP], total, dimension=dimension, colours=colours))


def _speeds(question: _Question) -> None:
    answer: LatencyTable = question.client.latency(question.window, group_by=("model",), filters=_GENERATION)
    if not answer.rows:
        return
    with st.container(border=True):
        st.subheader("Latency by model", anchor=False)
        rows = sorted(answer.rows, key=lambda row: -row.count)[:_TOP]
        every = question.client.cost(question.window, group_by=("model",)).rows
        st.html(rankings.speeds(rows, colours=palette.colours(row.key[0] for row in every)))

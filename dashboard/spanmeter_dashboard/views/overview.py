"""The overview: what was spent, on what, by whom, and how fast it answered."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from urllib.parse import urlencode

import streamlit as st

from spanmeter_dashboard import controls, dimensions, figures, notices, rankings
from spanmeter_dashboard.answers import Cost, Sums
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.controls import Period
from spanmeter_dashboard.views import breakdown, unpriced
from spanmeter_dashboard.views.breakdown import Breakdown
from spanmeter_dashboard.window import Window

_GENERATION: Filters = tuple(("operation", name) for name in ("chat", "text_completion", "generate_content"))
_STACKS = ("model", "operation", "framework", "provider", "service", "tenant", "feature", "user")
_TOP = 6
_TOP_TRACES = 8


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
    answer = client.cost(question.window)
    total = answer.total
    above = st.container()
    if total.empty:
        st.html(notices.no_calls(period.words, client.url, filtered=False))
    else:
        _cards(question, total)
    with above:  # what takes longer to ask than the figures, and has to be read first
        _warnings(question)
    if not total.empty:
        _details(question, answer)


def _warnings(question: _Question) -> None:
    if ailments := question.client.ailments():
        st.html(notices.unwell(ailments))
    losses = question.client.losses(question.window)
    if losses.calls or losses.failed_calls:
        st.html(notices.lost(losses))


def _details(question: _Question, answer: Cost) -> None:
    if answer.total.failed_calls:
        _failing(question)
    dimension, spent = _over_time(question)
    left, right = st.columns(2)
    with left:
        if _has_names(spent):
            _spender_table(spent, dimension)
        _speeds(question)
    with right:
        _dearest(question)
    _people(question, dimension)
    unpriced.show(answer)


def _failing(question: _Question) -> None:
    kept = urlencode({"errors": "true", **question.period.parameters})
    st.html(rankings.failing(question.client.cost(question.window, group_by=("model",)).rows, address=f"traces?{kept}"))


def _over_time(question: _Question) -> tuple[str, Cost]:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Spend over time by", anchor=False, width="content")
            dimension = st.selectbox(
                "Spend over time by",
                _STACKS,
                key="stack",
                bind="query-params",
                format_func=dimensions.title,
                label_visibility="collapsed",
                width=170,
            )
        answer = question.client.cost(question.window, group_by=(dimension,))
        cut = Breakdown(question.window, question.window.default_step(), (dimension,))
        breakdown.draw(question.client, cut, answer, height=260)
    return dimension, answer


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


def _people(question: _Question, drawn: str) -> None:
    answers = {name: question.client.cost(question.window, group_by=(name,)) for name in ("user", "tenant")}
    named = [name for name, answer in answers.items() if name != drawn and _has_names(answer)]
    for column, name in zip(st.columns(max(len(named), 1)), named, strict=False):
        with column:
            _spender_table(answers[name], name)


def _has_names(answer: Cost) -> bool:
    return any(row.key[0] for row in answer.rows if row.sums.calls)


def _spender_table(answer: Cost, dimension: str) -> None:
    with st.container(border=True):
        st.subheader(f"Top {dimensions.title(dimension).lower()}s", anchor=False)
        rows = [row for row in answer.rows if row.sums.calls][:_TOP]
        colours = breakdown.register(dimension).colours(row.key[0] for row in rows)
        st.html(rankings.spenders(rows, answer.total, dimension=dimension, colours=colours))


def _dearest(question: _Question) -> None:
    with st.container(border=True):
        st.subheader("Most expensive traces", anchor=False)
        found = question.client.traces(question.window, order="cost", limit=_TOP_TRACES)
        address = controls.trace_address(question.period)
        st.html(rankings.traces(found.traces, address=address, zone=controls.zone(), compact=True))


def _speeds(question: _Question) -> None:
    answer = question.client.latency(question.window, group_by=("model",), filters=_GENERATION)
    answered = sorted((row for row in answer.rows if row.count > row.errors), key=lambda row: -row.count)[:_TOP]
    if not answered:
        return
    with st.container(border=True):
        st.subheader("Latency by model", anchor=False)
        colours = breakdown.register("model").colours(row.key[0] for row in answered)
        st.html(rankings.speeds(answered, colours=colours))

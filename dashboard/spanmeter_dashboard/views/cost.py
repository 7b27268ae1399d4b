"""The cost explorer: spend by any one or two dimensions, filtered, over time and as a table."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from spanmeter_dashboard import bill, charts, controls, dimensions, figures, notices
from spanmeter_dashboard.answers import Cost
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.controls import Period
from spanmeter_dashboard.views import breakdown, unpriced
from spanmeter_dashboard.views.breakdown import Breakdown
from spanmeter_dashboard.window import STEPS, Window

_NONE = "none"
_AUTO = "Automatic"
_MOST_BUCKETS = 800


@dataclass(frozen=True, slots=True)
class _Question:
    """What the address says: one or two dimensions, filters, the bucket width, and what the bars measure."""

    group_by: tuple[str, ...]
    filters: Filters
    step: str
    measure: str


def show(client: Client) -> None:
    """Draw the page."""
    period, live = controls.header("Cost explorer")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        question = _Question(
            group_by=_group_by(),
            step=_step(period.window(now=controls.now())),
            measure=_measure(),
            filters=controls.filters(client, period, now=controls.now()),
        )
    if question.filters:
        st.html(controls.filter_line(question.filters))

    unknown = [name for name in question.group_by if not dimensions.known(name)]
    if unknown:
        st.html(notices.unknown_dimension(unknown[0]))
        return

    def body() -> None:
        _body(client, period, question)

    controls.refreshing(client, body, live=live)


def _group_by() -> tuple[str, ...]:
    first = st.selectbox(
        "Group by", tuple(dimensions.DIMENSIONS), key="by", bind="query-params", format_func=dimensions.title,
        accept_new_options=True, width=170, help="Or type tag.<key> for a tag of yours",
    )  # fmt: skip
    second = st.selectbox(
        "then by", (_NONE, *dimensions.DIMENSIONS), key="then", bind="query-params", format_func=_second_title,
        accept_new_options=True, width=170,
    )  # fmt: skip
    return tuple(dict.fromkeys(str(name) for name in (first, second) if name and name != _NONE)) or ("model",)


def _second_title(name: str) -> str:
    return figures.UNKNOWN if name == _NONE else dimensions.title(name)


def _step(window: Window) -> str:
    chosen = st.selectbox("Bars", (_AUTO, "Hour", "Day"), key="step", bind="query-params", width=130).lower()
    fits = chosen in STEPS and window.length / STEPS[chosen] <= _MOST_BUCKETS
    return chosen if fits else window.default_step()


def _measure() -> str:
    chosen = st.segmented_control(
        "Measure", tuple(charts.MEASURES), default="Spend", required=True, key="measure", bind="query-params"
    )
    return str(chosen or "Spend")


def _body(client: Client, period: Period, question: _Question) -> None:
    window = period.window(now=controls.now())
    answer = client.cost(window, group_by=question.group_by, filters=question.filters)
    if answer.total.empty:
        st.html(notices.no_calls(period.words, client.url, filtered=bool(question.filters)))
        return
    _totals(answer)
    with st.container(border=True):
        cut = Breakdown(window, question.step, question.group_by, question.filters, question.measure)
        breakdown.draw(client, cut, answer, height=320)
    unpriced.show(answer)
    _table(answer, question)


def _totals(answer: Cost) -> None:
    total = answer.total
    cards = (
        (f"Spend · {figures.share(answer.priced_share)} priced", figures.money(total.cost_usd)),
        (
            "Spend per priced call" if total.unpriced_calls else "Spend per call",
            figures.money(total.usd_per_priced_call),
        ),
        ("Calls", figures.count(total.calls)),
        ("Input tokens", figures.tokens(total.input_tokens)),
        ("Output tokens", figures.tokens(total.output_tokens)),
    )
    grid = st.grid(5, min_column_width=160)
    for label, value in cards:
        grid.metric(label, value, border=True)


def _table(answer: Cost, question: _Question) -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader("The bill", anchor=False, width="content")
        st.download_button(
            "CSV", lambda: bill.csv_text(answer, question.group_by), "spanmeter-cost.csv", "text/csv",
            icon=":material/download:", on_click="ignore",
        )  # fmt: skip
    st.dataframe(
        bill.frame(answer, question.group_by),
        column_config=bill.columns(answer, question.group_by),
        hide_index=True,
        placeholder=figures.UNKNOWN,
        height=min(38 * (len(answer.rows) + 1) + 2, 600),
        row_height=38,
    )

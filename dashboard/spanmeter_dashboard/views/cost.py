"""The cost explorer: spend by any one or two dimensions, filtered, over time and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from spanmeter_dashboard import bill, charts, controls, dimensions, figures, markup, notices, palette
from spanmeter_dashboard.answers import Cost, CostRow
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.controls import Period
from spanmeter_dashboard.series import fold, fold_rows, over_time
from spanmeter_dashboard.window import STEPS, Window

_NONE = "none"
_AUTO = "auto"
_MOST_GROUPS = 9
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
        st.caption(controls.filter_words(question.filters))

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
    chosen = [str(name) for name in (first, second) if name != _NONE]
    for name in chosen:
        if not dimensions.known(name):
            st.warning(f"There is no dimension {name!r}. Choose one of the list, or type tag.<key>.")
    return tuple(dict.fromkeys(name for name in chosen if dimensions.known(name))) or ("model",)


def _second_title(name: str) -> str:
    return figures.UNKNOWN if name == _NONE else dimensions.title(name)


def _step(window: Window) -> str:
    chosen = st.selectbox(
        "Bars", (_AUTO, "hour", "day"), key="step", bind="query-params", format_func=_step_title, width=130
    )
    if chosen in STEPS and window.length / STEPS[chosen] <= _MOST_BUCKETS:
        return str(chosen)
    return window.default_step()


def _step_title(step: str) -> str:
    return "Automatic" if step == _AUTO else f"by {step}"


def _measure() -> str:
    chosen = st.segmented_control(
        "Measure", tuple(charts.MEASURES), default="spend", required=True, key="measure", bind="query-params",
        format_func=lambda name: charts.MEASURES[name].title,
    )  # fmt: skip
    return str(chosen or "spend")


def _body(client: Client, period: Period, question: _Question) -> None:
    window = period.window(now=controls.now())
    answer = client.cost(window, group_by=question.group_by, filters=question.filters)
    if answer.total.empty:
        st.html(notices.no_calls(period.words, client.url, filtered=bool(question.filters)))
        return
    _totals(answer)
    with st.container(border=True):
        _chart(client, window, question, answer)
    _table(answer, question)


def _totals(answer: Cost) -> None:
    total = answer.total
    per_call = total.cost_usd / total.calls if total.cost_usd is not None and total.calls else None
    cards = (
        (f"Spend · {figures.share(answer.priced_share)} priced", figures.money(total.cost_usd)),
        ("Spend per call", figures.money(per_call)),
        ("Calls", figures.count(total.calls)),
        ("Input tokens", figures.tokens(total.input_tokens)),
        ("Output tokens", figures.tokens(total.output_tokens)),
    )
    grid = st.grid(5, min_column_width=160)
    for label, value in cards:
        grid.metric(label, value, border=True)


def _chart(client: Client, window: Window, question: _Question, answer: Cost) -> None:
    measure = charts.MEASURES[question.measure]
    ranked = sorted(answer.rows, key=lambda row: -measure.size(row.sums))
    keep = [row.key for row in ranked[:_MOST_GROUPS]]
    names, colours = _names(ranked, keep, question.group_by)
    buckets = over_time(client, window, step=question.step, group_by=question.group_by, filters=question.filters)
    bars = charts.Bars(fold(buckets, keep), names, colours, measure, utc=question.step == "day")
    st.altair_chart(
        charts.stacked(bars, height=320), alt=f"{measure.title} over time by {' and '.join(question.group_by)}"
    )
    shown = fold_rows(ranked, keep)
    st.html(markup.legend((names[row.key], colours[names[row.key]], measure.text(row.sums)) for row in shown))


def _names(
    rows: Sequence[CostRow], keep: Sequence[tuple[str, ...]], group_by: Sequence[str]
) -> tuple[Mapping[tuple[str, ...], str], Mapping[str, str]]:
    names = {row.key: dimensions.label(row.key, group_by) for row in rows} | {(palette.OTHER,): palette.OTHER}
    single = len(group_by) == 1
    by_value = palette.colours(row.key[0] if single else names[row.key] for row in rows if single or row.key in keep)
    colours = {names[key]: by_value[key[0] if single else names[key]] for key in keep}
    return names, colours | ({palette.OTHER: palette.NEUTRAL} if len(rows) > len(keep) else {})


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

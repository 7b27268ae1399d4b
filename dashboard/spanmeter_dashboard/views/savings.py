"""Savings: what caches, other models, batches, shorter prompts and less waste would have saved."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from spanmeter_dashboard import controls, figures, notices, saving
from spanmeter_dashboard.client import Client, Filters
from spanmeter_dashboard.controls import Period
from spanmeter_dashboard.saving import Savings

_TTLS = ("1h", "6h", "24h", "7d")
Terms = tuple[tuple[str, str], ...]


def show(client: Client) -> None:
    """Draw the page."""
    period, live = controls.header("Savings")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        terms = _terms()
        chosen = controls.filters(client, period, now=controls.now())
    if chosen:
        st.html(controls.filter_line(chosen))
    controls.refreshing(client, lambda: _body(client, period, chosen, terms), live=live)


def _terms() -> Terms:
    """What the reader supposes; several models, or several conditions, stand apart by a semicolon."""
    swap = st.text_input(
        "Another model", key="swap", bind="query-params", placeholder="gpt-4o=gpt-4o-mini", width=230,
        help="MODEL=OTHER, several apart by a semicolon; add ,feature=NAME to name some calls only",
    )  # fmt: skip
    offline = st.text_input(
        "Nobody waits for", key="offline", bind="query-params", placeholder="feature=nightly", width=190,
        help="DIM=VALUE, several apart by a semicolon; calls with the tag offline=true always count",
    )  # fmt: skip
    documents = st.number_input(
        "Most documents", min_value=0, max_value=100, key="top_k", bind="query-params", width=150,
        help="Of what a search found, so many would go into a prompt; 0: no limit",
    )  # fmt: skip
    limit = st.number_input(
        "Most input tokens", min_value=0, step=1000, key="input_limit", bind="query-params", width=170,
        help="0: no limit",
    )  # fmt: skip
    ttl = st.selectbox("A cache keeps", _TTLS, index=_TTLS.index("24h"), key="ttl", bind="query-params", width=120)
    named = [(name, text.strip()) for name, told in (("swap", swap), ("offline", offline)) for text in told.split(";")]
    limits = (("top_k", str(int(documents))), ("input_limit", str(int(limit))), ("ttl", str(ttl)))
    return (*((name, text) for name, text in named if text), *limits)


def _body(client: Client, period: Period, chosen: Filters, terms: Terms) -> None:
    minute = controls.now().replace(second=0, microsecond=0)
    with st.spinner("Going over every call of the period …", show_time=True):
        answer = _answer(client.url, client, period, chosen, terms, minute)
    if not answer.calls:
        st.html(notices.no_calls(period.words, client.url, filtered=bool(chosen)))
        return
    _totals(answer)
    with st.container(border=True):
        named = {name for name, value in terms if value != "0"}
        st.html(saving.table(answer, address=controls.trace_address(period, chosen), named=named))
    if rest := saving.rest(answer, named=named):
        st.caption(rest)
    st.caption(
        "“Saved” counts each proposal on what those above it left, so no dollar is saved twice; “alone” is what it "
        "would save by itself. What caches saved already is not here: it was never spent."
    )


def _totals(answer: Savings) -> None:
    cards = (
        ("Could have been saved", figures.money(answer.saved_usd)),
        ("Share of the spend", figures.share(answer.saved_share)),
        ("Spend", figures.money(answer.spend_usd)),
        ("Calls that can be compared", f"{figures.count(answer.compared_calls)} of {figures.count(answer.calls)}"),
    )
    grid = st.grid(4, min_column_width=170)
    for label, value in cards:
        grid.metric(label, value, border=True)


@st.cache_data(ttl=60, max_entries=50, show_spinner=False)
def _answer(
    url: str,  # noqa: ARG001
    _client: Client,
    period: Period,
    chosen: Filters,
    terms: Terms,
    minute: datetime,
) -> Savings:
    return _client.savings(period.window(now=minute), terms=terms, filters=chosen)

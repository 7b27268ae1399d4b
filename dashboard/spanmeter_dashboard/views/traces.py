"""The list of traces, and one trace when the address names it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import streamlit as st

from spanmeter_dashboard import controls, figures, notices, rankings
from spanmeter_dashboard.client import Client, Filters, Order
from spanmeter_dashboard.controls import Period
from spanmeter_dashboard.views import trace

PAGE_SIZE = 25
_ORDERS: Mapping[str, Order] = MappingProxyType({"Latest": "time", "Most expensive": "cost", "Slowest": "duration"})


def show(client: Client) -> None:
    """Draw the page."""
    chosen = st.query_params.get("trace")
    if chosen:
        trace.show(client, chosen)
    else:
        _list(client)


def _list(client: Client) -> None:
    period, live = controls.header("Traces")
    with st.container(horizontal=True, vertical_alignment="center"):
        order = st.segmented_control(
            "Order",
            tuple(_ORDERS),
            default="Latest",
            required=True,
            key="order",
            bind="query-params",
            label_visibility="collapsed",
        )
        errors_only = st.toggle("With errors only", key="errors", bind="query-params")
        filters = controls.filters(client, period, now=controls.now())
    if filters:
        st.html(controls.filter_line(filters))

    def body() -> None:
        _body(client, period, _ORDERS[order or "Latest"], filters, errors_only=errors_only)

    controls.refreshing(client, body, live=live)


def _body(client: Client, period: Period, order: Order, filters: Filters, *, errors_only: bool) -> None:
    page = int(st.session_state.get("page") or 1)
    found = client.traces(
        period.window(now=controls.now()),
        order=order,
        errors_only=errors_only,
        filters=filters,
        limit=PAGE_SIZE,
        offset=(page - 1) * PAGE_SIZE,
    )
    if not found.total:
        st.html(notices.no_traces(period.words, narrowed=bool(filters) or errors_only))
        return
    st.caption(f"{figures.count(found.total)} traces in {period.words}")
    with st.container(border=True):
        st.html(rankings.traces(found.traces, address=controls.trace_address(period), zone=controls.zone()))
    if found.total > PAGE_SIZE:
        st.pagination(-(-found.total // PAGE_SIZE), key="page")

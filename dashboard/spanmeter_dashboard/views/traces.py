"""The list of traces, and one trace when the address names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import streamlit as st

from spanmeter_dashboard import controls, dimensions, figures, notices, rankings
from spanmeter_dashboard.client import Client, Filters, Order
from spanmeter_dashboard.controls import Period
from spanmeter_dashboard.views import trace

PAGE_SIZE = 25
_ORDERS: Mapping[str, Order] = MappingProxyType({"Latest": "time", "Most expensive": "cost", "Slowest": "duration"})


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which traces the address asks for, and in which order."""

    period: Period
    order: str
    errors_only: bool
    filters: Filters

    @property
    def parameters(self) -> Filters:
        """What stands in an address to choose the same traces again."""
        order = () if self.order == "Latest" else (("order", self.order),)
        errors = (("errors", "true"),) if self.errors_only else ()
        return (*order, *errors, *((name, dimensions.value(value, name)) for name, value in self.filters))


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

    chosen = _Choice(period, str(order or "Latest"), errors_only, filters)
    controls.refreshing(client, lambda: _body(client, chosen), live=live)


def _body(client: Client, chosen: _Choice) -> None:
    pager = f"page of {chosen}"
    page = int(st.session_state.get(pager) or 1)
    found = client.traces(
        chosen.period.window(now=controls.now()),
        order=_ORDERS[chosen.order],
        errors_only=chosen.errors_only,
        filters=chosen.filters,
        limit=PAGE_SIZE,
        offset=(page - 1) * PAGE_SIZE,
    )
    if not found.total:
        st.html(notices.no_traces(chosen.period.words, client.url, narrowed=bool(chosen.filters) or chosen.errors_only))
        return
    st.caption(f"{figures.count(found.total)} traces in {chosen.period.words}")
    with st.container(border=True):
        address = controls.trace_address(chosen.period, chosen.parameters)
        st.html(rankings.traces(found.traces, address=address, zone=controls.zone()))
    if found.total > PAGE_SIZE:
        st.pagination(-(-found.total // PAGE_SIZE), key=pager)

"""The budgets: how much of each is spent, how fast money goes, and until when it lasts."""

from __future__ import annotations

import streamlit as st

from spanmeter_dashboard import budget, controls, notices
from spanmeter_dashboard.client import Client


def show(client: Client) -> None:
    """Draw the page."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header("Budgets", anchor=False, width="content")
        live = controls.live()
    controls.refreshing(client, lambda: _body(client), live=live)


def _body(client: Client) -> None:
    budgets = client.budgets()
    if not budgets:
        st.html(notices.no_budgets())
        return
    with st.container(border=True):
        st.html(budget.table(budgets, zone=controls.zone()))
    st.caption(
        "Spent is the larger of what the processes that share a budget settled and what the ledger holds for it; "
        "reserved is held for calls under way. “Per hour” is what went in the last hour; “lasts until” is when the "
        "limit is reached if that goes on, “the reset” if the period ends before."
    )

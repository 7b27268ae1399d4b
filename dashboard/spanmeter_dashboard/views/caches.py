"""The caches: what the applications' own saved, and how the providers' are used."""

from __future__ import annotations

import streamlit as st

from spanmeter_dashboard import caches, controls, figures, notices
from spanmeter_dashboard.client import Client
from spanmeter_dashboard.controls import Period


def show(client: Client) -> None:
    """Draw the page."""
    period, live = controls.header("Caches")
    controls.refreshing(client, lambda: _body(client, period), live=live)


def _body(client: Client, period: Period) -> None:
    window = period.window(now=controls.now())
    uses, prompts = client.caches(window), client.prompt_caching(window)
    if not uses and not prompts:
        st.html(notices.no_caches(period.words))
        return
    if uses:
        with st.container(border=True):
            st.subheader("Caches of applications", anchor=False)
            st.html(caches.table(uses))
        st.caption(
            "Saved is what the calls cost that each hit replaced, as far as prices are known; the last line is the sum "
            "over all caches."
        )
    if prompts:
        with st.container(border=True):
            st.subheader("Prompt caches of providers", anchor=False)
            st.html(caches.prompt_table(prompts))
        st.caption(_explained(prompts[-1].unpriced_tokens))


def _explained(unpriced_tokens: int) -> str:
    unknown = (
        f" What {figures.count(unpriced_tokens)} of the tokens saved or cost is unknown." if unpriced_tokens else ""
    )
    return (
        "Tokens of prompts that a provider read from its own cache, at a lower price, or wrote into it. Never read: at "
        "least so many were written, and no later call of the same service and model read any while they were kept. "
        "Saved by reads is what tokens read would have cost more as plain input; more for writes, what writing cost "
        f"beyond plain input.{unknown}"
    )

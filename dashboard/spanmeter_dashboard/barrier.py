"""What stands between a page and a sidecar that gives no answer: a sentence instead of figures."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from spanmeter_dashboard import notices
from spanmeter_dashboard.client import Client, SidecarError, UnreachableError

RETRY_S = 3


def guarded(client: Client, draw: Callable[[], None]) -> Callable[[], None]:
    """`draw`, saying what is wrong and what to do when the sidecar gives no answer."""

    def attempt() -> None:
        try:
            draw()
        except UnreachableError:
            st.html(notices.unreachable(client.url))
        except SidecarError as error:
            st.html(notices.refused(str(error)))

    return attempt


def once_reachable(client: Client, draw: Callable[[], None]) -> Callable[[], None]:
    """`draw` when the sidecar answers; else say so, and draw as soon as it does."""

    def attempt() -> None:
        if client.reachable():
            guarded(client, draw)()
            return
        st.html(notices.unreachable(client.url))
        st.fragment(retry, run_every=RETRY_S)()

    def retry() -> None:
        if client.reachable():
            st.rerun()

    return attempt

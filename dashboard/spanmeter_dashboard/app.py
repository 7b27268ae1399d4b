"""The script that Streamlit runs: `streamlit run app.py -- --url http://127.0.0.1:4318`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from spanmeter_dashboard import notices, settings
from spanmeter_dashboard.barrier import once_reachable
from spanmeter_dashboard.client import Client
from spanmeter_dashboard.views import budgets, caches, cost, overview, savings, traces

_HERE = Path(__file__).parent


@st.cache_resource(show_spinner=False)
def _client(chosen: settings.Settings) -> Client:
    return Client(chosen)


def _page(view: Callable[[Client], None], client: Client) -> Callable[[], None]:
    return once_reachable(client, lambda: view(client))


def main() -> None:
    """Draw the page that the address names."""
    st.set_page_config("Spanmeter", page_icon=_HERE / "icon.svg", layout="wide")
    st.html(_HERE / "style.css")
    try:
        chosen = settings.read(sys.argv[1:], os.environ)
    except settings.SettingsError as error:
        st.html(notices.bad_start(str(error)))
        return
    client = _client(chosen)
    st.logo(_HERE / "logo.svg", size="medium")
    views = (
        (overview.show, "Overview", "", ":material/monitoring:"),
        (cost.show, "Cost explorer", "cost", ":material/payments:"),
        (traces.show, "Traces", "traces", ":material/account_tree:"),
        (savings.show, "Savings", "savings", ":material/content_cut:"),
        (caches.show, "Caches", "caches", ":material/bolt:"),
        (budgets.show, "Budgets", "budgets", ":material/savings:"),
    )
    pages = [
        st.Page(_page(view, client), title=title, url_path=path, icon=icon, default=not path)
        for view, title, path, icon in views
    ]
    page = st.navigation(pages, position="top")
    if chosen.note:
        st.caption(chosen.note)
    page.run()


if __name__ == "__main__":
    main()

"""The pages as Streamlit draws them, over a real sidecar."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import spanmeter_dashboard
from spanmeter_dashboard import figures
from spanmeter_dashboard.client import Client
from spanmeter_dashboard.window import Window

APP = Path(str(spanmeter_dashboard.__file__)).with_name("app.py")
Opened = Callable[..., AppTest]


@pytest.fixture
def opened(sidecar: str, monkeypatch: pytest.MonkeyPatch) -> Opened:
    """Opens the overview; `url` is the sidecar's address."""

    def open_app(*, url: str = sidecar, note: str = "", **query: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["app.py", "--url", url, "--note", note])
        app = AppTest.from_file(str(APP), default_timeout=60)
        for name, value in query.items():
            app.query_params[name] = value
        return app.run()

    return open_app


def shown(app: AppTest) -> str:
    html = " ".join(str(element.proto.body) for element in app.get("html"))
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_overview_shows_the_figures_of_the_api(opened: Opened, client: Client, last_hour: Window) -> None:
    total = client.cost(last_hour).total
    app = opened()
    assert not app.exception
    assert {name: value for name, value in metrics(app).items() if name != "Model call p95"} == {
        "Spend · 75% priced": figures.money(total.cost_usd),
        "Calls": "4",
        "Tokens": figures.tokens(total.tokens),
        "Failed calls": "20%",
    }


def test_the_overview_names_everyone_who_spent(opened: Opened) -> None:
    text = shown(opened(stack="Tenant"))
    for heading in ("Tenant Share Calls Tokens Spend", "User Share Calls Tokens Spend", "Model Calls First chunk p50"):
        assert heading in text
    for name in ("acme", "globex", "ada", "grace", "gpt-4.1", "chat <house> & model"):
        assert name in text


def test_the_overview_lists_what_has_no_price(opened: Opened) -> None:
    text = shown(opened())
    assert "What 1 of 4 calls cost is unknown and not in the spend." in text
    assert "Model Provider Calls Input tokens Output tokens" in text


def test_an_empty_period_says_what_to_do(opened: Opened, empty_sidecar: str) -> None:
    app = opened(url=empty_sidecar)
    assert not app.exception
    assert "No calls in the last hour" in shown(app)
    assert f'endpoint="{empty_sidecar}"' in shown(app)


def test_no_sidecar_says_how_to_start_it(opened: Opened, unused_url: str) -> None:
    app = opened(url=unused_url)
    assert not app.exception
    assert f"Nothing answers at {unused_url}" in shown(app)
    assert "spanmeter collector" in shown(app)


def test_a_note_stands_on_the_page(opened: Opened) -> None:
    assert "Simulated" not in [caption.value for caption in opened().caption]
    assert opened(note="Simulated").caption[0].value == "Simulated"


def test_a_wrong_start_names_the_value(opened: Opened) -> None:
    app = opened(url="nowhere")
    assert "--url is 'nowhere'; it must be http://HOST:PORT." in shown(app)

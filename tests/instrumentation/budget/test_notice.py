"""What is told of thresholds and stops."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

import spanmeter
from spanmeter.budget.budgets import budgets
from spanmeter.metrics import exposition
from spanmeter.opening import Opening

CHAT = Opening("chat", "chat gpt-5", "langchain", provider="openai", model="gpt-5")


class Hook:
    """A webhook that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.logins: list[str | None] = []
        self.came = threading.Semaphore(0)


@pytest.fixture
def hook() -> Iterator[tuple[Hook, str]]:
    kept = Hook()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
            pass

        def do_POST(self) -> None:
            kept.logins.append(self.headers["authorization"])
            kept.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()
            kept.came.release()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield kept, f"http://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    server.server_close()
    thread.join()


def spend(usd: Decimal) -> None:
    budgets.charge({}, CHAT, usd, None)


def test_thresholds_are_logged_counted_and_told_to_the_webhook_once(
    hook: tuple[Hook, str], caplog: pytest.LogCaptureFixture
) -> None:
    kept, url = hook
    budget = spanmeter.Budget("b", limit_usd="10", period="total", webhook=url)
    half = budget.definition.limit_usd / 2
    with caplog.at_level(logging.WARNING, logger="spanmeter.budget"):
        for _ in range(3):
            spend(half)
    for _ in range(3):
        assert kept.came.acquire(timeout=30)
    said = "budget 'b': {} % of 10 USD are spent; calls are stopped once it is spent"
    assert [record.getMessage() for record in caplog.records] == [said.format(share) for share in ("50", "80", "100")]
    told = sorted((told["threshold"], told["spent_usd"]) for told in kept.told)
    assert told == [("0.5", "5"), ("0.8", "10"), ("1", "10")]
    assert kept.told[0].keys() == {
        "budget", "threshold", "limit_usd", "spent_usd", "reserved_usd", "period", "resets_at"
    }  # fmt: skip
    lines = exposition()[0].decode().splitlines()
    assert 'spanmeter_client_budget_threshold_total{budget="b",threshold="0.8"} 1.0' in lines
    assert 'spanmeter_client_budget_stopped_calls_total{budget="b"} 0.0' in lines


def await_webhooks() -> None:
    for thread in threading.enumerate():
        if thread.name == "spanmeter-webhook":
            thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/s3cret",
        "http://ada:s3cret@127.0.0.1:9/",
        "http://127.0.0.1:9/a b?s3cret",
        "http://a..b/s3cret",
    ],
)
def test_a_webhook_that_is_away_is_said_without_its_secrets(caplog: pytest.LogCaptureFixture, url: str) -> None:
    spanmeter.Budget("b", limit_usd="1", thresholds=["1"], webhook=url)
    spend(Decimal(1))
    await_webhooks()
    assert "the webhook of budget 'b' was not reached" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_webhook_is_told_with_the_password_of_its_address(hook: tuple[Hook, str]) -> None:
    kept, url = hook
    spanmeter.Budget("b", limit_usd="1", thresholds=["1"], webhook=url.replace("//", "//ada:p%20w@"))
    spend(Decimal(1))
    assert kept.came.acquire(timeout=30)
    assert kept.logins == ["Basic YWRhOnAgdw=="]

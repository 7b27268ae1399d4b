"""Webhooks are told once each, tried again, bounded, and no log shows where they are."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client import CollectorRegistry

from spanmeter_collector.webhook import ATTEMPTS, Message, Webhooks


@contextmanager
def address(*statuses: int) -> Iterator[tuple[str, list[tuple[str, object]]]]:
    """An address that answers with these statuses in turn, then with the last, and what it was told."""
    told: list[tuple[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.append((self.path, json.loads(body)))
            self.send_response(statuses[min(len(told), len(statuses)) - 1])
            self.send_header("location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/T1/secret", told
        server.shutdown()


def ended(registry: CollectorRegistry, outcome: str, *, count: float = 1) -> bool:
    """Whether so many messages come to end like this, within 20 s."""
    deadline = time.monotonic() + 20
    labels = {"budget": "b", "outcome": outcome}
    while registry.get_sample_value("spanmeter_budget_webhooks_total", labels) != count:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_message_arrives_once_although_the_first_attempts_fail(caplog: pytest.LogCaptureFixture) -> None:
    registry = CollectorRegistry()
    webhooks = Webhooks(registry, first_wait_s=0.01)
    with address(500, 302, 200) as (url, told):
        webhooks.tell(Message("b", url, {"budget": "b"}))
        assert ended(registry, "delivered")
    webhooks.close()
    assert told == [("/T1/secret", {"budget": "b"})] * 3
    assert caplog.messages == ["the webhook of budget b: status 500", "the webhook of budget b: status 302"]


def test_what_never_answers_is_given_up_and_named_without_its_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "spanmeter_collector")
    registry = CollectorRegistry()
    webhooks = Webhooks(registry, first_wait_s=0.001)
    webhooks.tell(Message("b", "http://127.0.0.1:1/T1/secret", {}))
    assert ended(registry, "failed")
    webhooks.close()
    failure = "the webhook of budget b: NewConnectionError"
    assert caplog.messages == [failure] * ATTEMPTS + ["the webhook of budget b was not told: failed"]
    assert "secret" not in repr(Message("b", "http://127.0.0.1:1/T1/secret", {}))


def test_the_queue_is_bounded_and_its_end_gives_up_what_waits() -> None:
    registry = CollectorRegistry()
    webhooks = Webhooks(registry, first_wait_s=60)
    for _ in range(150):
        webhooks.tell(Message("b", "http://127.0.0.1:1/", {}))
    assert registry.get_sample_value("spanmeter_budget_webhooks_total", {"budget": "b", "outcome": "queue_full"}) in (
        49,
        50,
    )
    webhooks.close()
    labels = {"budget": "b", "outcome": "stopped"}
    assert registry.get_sample_value("spanmeter_budget_webhooks_total", labels) in (100, 101)

"""Webhooks are told once each, tried again, bounded, and no log shows where they are."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from spanmeter_collector.outbox import Message, Outbox
from spanmeter_collector.webhook import ATTEMPTS, Webhooks


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


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "webhooks")


def ended(registry: CollectorRegistry, outcome: str, *, count: float = 1) -> bool:
    """Whether so many messages come to end like this, within 20 s."""
    deadline = time.monotonic() + 20
    labels = {"budget": "b", "outcome": outcome}
    while registry.get_sample_value("spanmeter_budget_webhooks_total", labels) != count:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_message_arrives_once_although_the_first_attempts_fail(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    webhooks = Webhooks(registry, outbox, first_wait_s=0.01)
    with address(500, 302, 200) as (url, told):
        webhooks.tell(Message("b", url, {"budget": "b"}))
        assert ended(registry, "delivered")
    webhooks.close()
    assert told == [("/T1/secret", {"budget": "b"})] * 3
    assert caplog.messages == ["the webhook of budget b: status 500", "the webhook of budget b: status 302"]


def test_what_never_answers_is_given_up_and_named_without_its_address(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "spanmeter_collector")
    registry = CollectorRegistry()
    webhooks = Webhooks(registry, outbox, first_wait_s=0.001)
    webhooks.tell(Message("b", "http://127.0.0.1:1/T1/secret", {}))
    assert ended(registry, "failed")
    webhooks.close()
    failure = "the webhook of budget b: NewConnectionError"
    assert caplog.messages == [failure] * ATTEMPTS + ["the webhook of budget b was not told: failed"]
    assert "secret" not in repr(Message("b", "http://127.0.0.1:1/T1/secret", {}))


def test_an_address_that_does_not_answer_keeps_no_other_waiting(outbox: Outbox) -> None:
    registry = CollectorRegistry()
    webhooks = Webhooks(registry, outbox, first_wait_s=60)
    with address(200) as (url, told):
        webhooks.tell(Message("gone", "http://127.0.0.1:1/", {"threshold": "0.5"}))
        webhooks.tell(Message("b", url, {"threshold": "0.5"}))
        assert ended(registry, "delivered")
    webhooks.close()
    assert told == [("/T1/secret", {"threshold": "0.5"})]


def test_the_queue_is_bounded(outbox: Outbox) -> None:
    registry = CollectorRegistry()
    webhooks = Webhooks(registry, outbox, first_wait_s=60)
    for number in range(150):
        webhooks.tell(Message("b", "http://127.0.0.1:1/", {"threshold": number}))
    left_out = registry.get_sample_value("spanmeter_budget_webhooks_total", {"budget": "b", "outcome": "queue_full"})
    webhooks.close()
    assert left_out in (49, 50)
    assert len([*outbox.waiting()]) == 150 - left_out


def test_what_waits_when_the_sidecar_ends_is_told_once_after_the_next_start(outbox: Outbox) -> None:
    registry, later, last = CollectorRegistry(), CollectorRegistry(), CollectorRegistry()
    with address(500, 500, 200) as (url, told):
        webhooks = Webhooks(registry, outbox, first_wait_s=60)
        for threshold in ("0.5", "0.8"):
            webhooks.tell(Message("b", url, {"threshold": threshold}))
        deadline = time.monotonic() + 20
        while len(told) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        webhooks.close()
        webhooks = Webhooks(later, outbox)
        assert ended(later, "delivered", count=2)
        webhooks.close()
        Webhooks(last, outbox).close()
    assert [body for _, body in told] == [{"threshold": "0.5"}, {"threshold": "0.8"}] * 2
    assert ended(registry, "stopped", count=2)

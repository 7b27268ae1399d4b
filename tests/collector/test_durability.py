"""Kill -9 under load, again and again: what was acknowledged is in the ledger, once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

KILLS = 4
SENDERS = 3
SPANS = 40
USD_A_CALL = Decimal("0.000195")


class Senders:
    """Threads that send requests of new calls, some of them twice, and note what was acknowledged."""

    def __init__(self, body: Callable[[int], bytes]) -> None:
        self.acknowledged: set[int] = set()
        self.sent = 0
        self._body = body
        self._lock = threading.Lock()
        self._chance = random.Random(7)

    def send_until_killed(self, sidecar: Any, *, after_s: float) -> None:
        threads = [threading.Thread(target=self._send, args=(sidecar,)) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        time.sleep(after_s)
        sidecar.process.kill()
        for thread in threads:
            thread.join()
        sidecar.process.wait()

    def _send(self, sidecar: Any) -> None:
        while True:
            with self._lock:
                number, self.sent = self.sent, self.sent + 1
                times = 1 + (self._chance.random() < 0.2)
            try:
                for _ in range(times):
                    self._post(sidecar, number)
            except httpx.TransportError:
                return

    def _post(self, sidecar: Any, number: int) -> None:
        answer = sidecar.post("/v1/traces", self._body(number), content_type="application/x-protobuf")
        if answer.status_code == 200:
            with self._lock:
                self.acknowledged.add(number)


@pytest.fixture
def senders(
    span: Callable[..., Span],
    request_of: Callable[..., ExportTraceServiceRequest],
    call_attributes: dict[str, Any],
) -> Senders:
    def body(number: int) -> bytes:
        first = 1 + number * SPANS
        calls = (span(call, attributes=call_attributes) for call in range(first, first + SPANS))
        return request_of(*calls).SerializeToString()

    return Senders(body)


def billed(sidecar: Any) -> tuple[int, Decimal]:
    sidecar.settle()
    total = sidecar.get("/api/v1/cost?since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z")["total"]
    return total["calls"], Decimal(total["cost_usd"])


def test_nothing_acknowledged_is_lost_or_doubled_by_kills_under_load(
    start_sidecar: Callable[..., Any], senders: Senders
) -> None:
    moments = random.Random(11)
    for _ in range(KILLS):
        senders.send_until_killed(start_sidecar(), after_s=moments.uniform(0.5, 2))

    last = start_sidecar()
    calls, usd = billed(last)
    assert senders.acknowledged
    assert len(senders.acknowledged) * SPANS <= calls <= senders.sent * SPANS
    assert usd == calls * USD_A_CALL

    for number in senders.acknowledged:
        senders._post(last, number)
    assert billed(last) == (calls, usd)

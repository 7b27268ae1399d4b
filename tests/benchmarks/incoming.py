"""Spans that keep coming in, in the shape of those that a store is filled with: of eight steps, two are calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any, Final

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACES: Final = 6  # of a request
STEPS: Final = 8
SPANS: Final = TRACES * STEPS
_MILLISECOND: Final = 1_000_000
_CALLS: Final[dict[int, dict[str, Any]]] = {
    step: {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": answered,
        "server.address": "api.openai.com",
        "server.port": 443,
    }
    for step, operation, model, answered in (
        (3, "embeddings", "text-embedding-3-small", 0),
        (6, "chat", "gpt-4o-mini-2024-07-18", 100),
    )
}
_STEP: Final[dict[str, Any]] = {"spanmeter.operation": "chain", "app.step.kind": "step", "app.count.a": 1}
_HEADERS: Final = {"content-type": "application/x-protobuf"}


class Sender:
    """Sends spans that begin when they are sent, by a clock that stood at `since` when it was made."""

    def __init__(self, url: str, *, since: datetime, spans_per_s: int) -> None:
        self._url = url
        self._since_ns = round(since.timestamp()) * 1000 * _MILLISECOND
        self._every_s = SPANS / spans_per_s
        self._random = Random(1)
        self._ended = threading.Event()
        self._requests = 0

    @property
    def calls(self) -> int:
        """How many were acknowledged."""
        return self._requests * TRACES * len(_CALLS)

    def run(self) -> None:
        """Send a request whenever one is due, until told to stop."""
        began = time.monotonic()
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._ended.wait(max(began + self._requests * self._every_s - time.monotonic(), 0)):
                body = self._request(self._since_ns + round((time.monotonic() - began) * 1e9))
                client.post("/v1/traces", content=body, headers=_HEADERS).raise_for_status()
                self._requests += 1

    def stop(self) -> None:
        """Let `run` end."""
        self._ended.set()

    def _request(self, at_ns: int) -> bytes:
        message = ExportTraceServiceRequest()
        resource_spans = message.resource_spans.add()
        service = self._random.randrange(40)
        resource_spans.resource.attributes.extend(_attributes({"service.name": f"service-{service}"}))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = "spanmeter.langchain"
        for _ in range(TRACES):
            scope_spans.spans.extend(self._trace(at_ns, feature=service * 2 + self._random.randrange(2)))
        return message.SerializeToString()

    def _trace(self, at_ns: int, *, feature: int) -> Iterator[Span]:
        trace_id, root = self._random.randbytes(16), self._random.randbytes(8)
        person = self._random.randrange(5000)
        people = {
            "user.id": f"user-{person}",
            "gen_ai.conversation.id": f"session-{person}",
            "spanmeter.tenant": f"tenant-{person % 50}",
            "spanmeter.feature": f"feature-{feature}",
            "spanmeter.team": f"team-{feature % 8}",
            "spanmeter.tag.branch": "main",
            "spanmeter.framework": "langchain",
        }
        for step in range(STEPS):
            known = _CALLS.get(step, _STEP)
            started, took = at_ns + step * _MILLISECOND, self._random.randrange(20, 2000) * _MILLISECOND
            yield Span(
                trace_id=trace_id,
                span_id=self._random.randbytes(8) if step else root,
                parent_span_id=root if step else b"",
                name=f"step {step}",
                start_time_unix_nano=started,
                end_time_unix_nano=started + took,
                attributes=_attributes(people | known),
            )


def _attributes(known: dict[str, Any]) -> Iterator[KeyValue]:
    for key, said in known.items():
        yield KeyValue(key=key, value=AnyValue(**{"string_value" if isinstance(said, str) else "int_value": said}))


@contextmanager
def sending(url: str, *, since: datetime, spans_per_s: int) -> Iterator[Sender]:
    """Send on a thread of its own meanwhile."""
    sender = Sender(url, since=since, spans_per_s=spans_per_s)
    with ThreadPoolExecutor(1) as executor:
        sent = executor.submit(sender.run)
        try:
            yield sender
        finally:
            sender.stop()
        sent.result()

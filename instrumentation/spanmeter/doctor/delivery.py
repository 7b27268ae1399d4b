"""Whether the sidecar takes what this environment's applications send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from spanmeter import semconv
from spanmeter.destination import Destination
from spanmeter.doctor.finding import Finding
from spanmeter.otlp import encode
from spanmeter.wire import Outcome, Reply, Wire

CHECK: Final = "delivery"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a request, where it went, and the trace that it held; "" when it was empty."""

    finding: Finding
    url: str = ""
    trace_id: str = ""


def deliver(*, send: bool) -> Delivery | None:
    """Send an empty request to where applications send, or with `send` one span that is no call and costs nothing.

    None when the destination is malformed, which `variables` tells.
    """
    try:
        to = Destination.of("traces", None)
    except ValueError:
        return None
    spans = _spans() if send else ()
    wire = Wire(to)
    reply = wire.post(encode(spans))
    wire.close()
    if reply.outcome is not Outcome.TAKEN or reply.rejected:
        return Delivery(_refused(to.url, reply), to.url)
    context = spans[0].context if spans else None
    what = "one span" if spans else "a request without spans"
    found = Finding.ok(CHECK, f"{to.url} took {what}, with the headers that applications send")
    return Delivery(found, to.url, f"{context.trace_id:032x}" if context else "")


def _spans() -> Sequence[ReadableSpan]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(ALWAYS_ON, Resource({semconv.SERVICE_NAME: "spanmeter-doctor"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer(semconv.SCOPE).start_as_current_span("spanmeter doctor"):
        pass
    return exporter.get_finished_spans()


def _refused(url: str, reply: Reply) -> Finding:
    if reply.absent:
        return Finding.problem(CHECK, f"nobody takes spans at {url}: {reply.reason}", "start one with: spanmeter up")
    if reply.outcome is Outcome.AWAY:
        advice = "applications keep spans on disk and send them later; the sidecar's /health and its log say why"
        return Finding.problem(CHECK, f"{url} takes no spans at the moment: {reply.reason}", advice)
    advice = reply.advice or "see the sidecar's log, or set OTEL_EXPORTER_OTLP_ENDPOINT to the address of a sidecar"
    return Finding.problem(CHECK, f"{url} refuses spans: {reply.reason}", advice)

"""A sidecar that goes away and comes back while clients send: the SDK's exporter retries, ours keeps a spool."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from victim import CALL, USD_A_CALL, Sidecar, free_port

from spanmeter.destination import Destination
from spanmeter.exporter import Exporter
from spanmeter.spool import SpoolSettings

CALLS = 300


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(params=["sdk", "spanmeter"])
def exporter(request: pytest.FixtureRequest, tmp_path: Path, port: int) -> Iterator[SpanExporter]:
    base = f"http://127.0.0.1:{port}"
    if request.param == "sdk":
        yield OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=120)
    else:
        yield Exporter(Destination.of("traces", base), SpoolSettings(tmp_path / "spool", 2**24))


def test_what_clients_send_across_restarts_is_billed_once(
    start: Callable[..., Sidecar], exporter: SpanExporter, port: int
) -> None:
    sidecar = start(LISTEN=f"127.0.0.1:{port}")
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=50, max_export_batch_size=10))
    tracer = provider.get_tracer("an application")
    for number in range(CALLS):
        tracer.start_span("chat gpt-4o-mini", attributes=CALL).end()
        time.sleep(0.01)
        if number == CALLS // 3:
            sidecar.kill()
        if number == CALLS // 2:
            sidecar = start(LISTEN=f"127.0.0.1:{port}")
    assert provider.force_flush(120_000)
    provider.shutdown()

    sidecar.settle()
    total = sidecar.get("/api/v1/cost?since=1h")["total"]
    assert (total["calls"], Decimal(total["cost_usd"])) == (CALLS, CALLS * USD_A_CALL)

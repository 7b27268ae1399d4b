"""An application whose sidecar was killed for a while: nothing is lost, and every call is in the ledger once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from spanmeter import drain
from spanmeter.tally import tally
from spanmeter.telemetry import Telemetry


def call(tracer_provider: TracerProvider, attributes: dict[str, Any], *, times: int) -> None:
    tracer = tracer_provider.get_tracer("spanmeter")
    for _ in range(times):
        tracer.start_span("chat gpt-4o-mini", attributes=attributes).end()


def calls(sidecar: Any) -> int:
    sidecar.settle()
    return int(sidecar.get("/api/v1/cost?since=1h")["total"]["calls"])


def test_a_sidecar_that_was_killed_and_came_back_has_every_call_once(
    start_sidecar: Any, call_attributes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """An hour at 50 spans a second beside a queue of 16,384, by a hundredth of its volume."""
    for name, value in {"QUEUE_SIZE": "164", "EXPORT_BATCH_SIZE": "50"}.items():
        monkeypatch.setenv(f"OTEL_BSP_MAX_{name}", value)
    monkeypatch.setenv("SPANMETER_SPOOL_DIR", str(tmp_path / "spool"))
    monkeypatch.setattr(drain, "LONGEST_WAIT_S", 0.5)
    before = (tally.spans, tally.exported_spans, tally.dropped_spans)
    sidecar = start_sidecar()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    telemetry = Telemetry(service_name=None, endpoint=sidecar.http, tracer_provider=provider)
    call(provider, call_attributes, times=30)
    provider.force_flush()
    assert calls(sidecar) == 30

    sidecar.process.kill()
    sidecar.process.wait()
    for _ in range(18):
        call(provider, call_attributes, times=100)
        provider.force_flush()
    assert len(list((tmp_path / "spool").rglob("*.gz"))) == 36

    back = start_sidecar(LISTEN=sidecar.http.removeprefix("http://"))
    call(provider, call_attributes, times=30)
    deadline = time.monotonic() + 20
    while list((tmp_path / "spool").rglob("*.gz")) and time.monotonic() < deadline:
        time.sleep(0.05)
    telemetry.close()

    assert calls(back) == 1860
    assert (tally.spans - before[0], tally.exported_spans - before[1], tally.dropped_spans - before[2]) == (
        1860,
        1860,
        0,
    )

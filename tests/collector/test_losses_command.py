from __future__ import annotations

import json
import time
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from spanmeter_collector.cli import main


def tell(sidecar: Any, **counters: float) -> None:
    resource = Resource({"service.name": "losing", "service.instance.id": "p1"})
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{sidecar.http}/v1/metrics"))
    provider = MeterProvider([reader], resource=resource)
    for name, value in counters.items():
        provider.get_meter("spanmeter").create_counter(f"spanmeter.client.{name}").add(value)
    provider.shutdown()


def test_the_terminal_says_what_is_missing_and_why(sidecar: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--url", sidecar.http, "--where", "service=losing", "--settle", "0s"]
    assert main(["losses", "--check", *asked]) == 0
    assert capsys.readouterr().out.startswith("No process told what it counted from ")
    tell(sidecar, calls=3, failed_calls=1, tokens=330, cost_usd=0.5, spans=4, exported_spans=1)
    deadline = time.monotonic() + 30
    while main(["losses", "--json", *asked]) == 0 and not json.loads(capsys.readouterr().out)["processes"]:
        assert time.monotonic() < deadline

    statuses = main(["losses", *asked]), main(["losses", "--check", *asked])
    first, _, head, row, _, why, *_ = capsys.readouterr().out.splitlines()

    assert statuses == (0, 1)
    assert first == "3 calls and 1 failed call never arrived (330 tokens, $0.5000) of 3 calls that 1 process counted."
    assert head.split()[:2] == ["service", "process"]
    assert row.split()[:2] + row.split()[4:] == ["losing", "p1", "3", "0", "0", "3", "330", "$0.5000", "0", "waiting"]
    assert why == ("waiting: they wait in the application, in memory or on disk, and come when the sidecar takes them.")

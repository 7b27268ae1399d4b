"""Spans and counters reach the sidecar through the SDK's own exporters, whoever owns the tracer provider."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from spanmeter.tally import _COUNTERS
from spanmeter.telemetry import Telemetry


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["key"]: next(iter(item["value"].values())) for item in attributes}


APPLICATION = """
    import json
    {before}
    import spanmeter
    spanmeter.instrument({options})
    with spanmeter.context(tenant="acme"):
        spanmeter.track("work")(lambda: None)()
    spanmeter.uninstrument()
    from opentelemetry import trace
    print(json.dumps(len(trace.get_tracer_provider()._active_span_processor._span_processors)))
"""


def run(*, before: str = "", options: str = "", **environment: str) -> Any:
    code = textwrap.dedent(APPLICATION).format(before=before, options=options)
    told = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=told)
    return json.loads(done.stdout)


def test_an_application_without_a_tracer_provider_gets_one(sink: Any) -> None:
    processors = run(options=f"service_name='shop', endpoint='{sink.url}'")

    (span,) = sink.spans
    assert span["name"] == "work"
    assert plain(span["attributes"]) == {"spanmeter.operation": "track", "spanmeter.tenant": "acme"}
    assert {resource["service.name"] for resource in sink.resources} == {"shop"}
    assert len({resource["service.instance.id"] for resource in sink.resources}) == 1
    assert processors == 0


def test_an_application_keeps_its_own_tracer_provider(sink: Any) -> None:
    before = (
        "from opentelemetry import trace; from opentelemetry.sdk.resources import Resource; "
        "from opentelemetry.sdk.trace import TracerProvider, SpanProcessor; "
        "own = TracerProvider(resource=Resource({'service.name': 'own'})); "
        "own.add_span_processor(SpanProcessor()); trace.set_tracer_provider(own)"
    )
    processors = run(before=before, options=f"service_name='shop', endpoint='{sink.url}'")

    assert [span["name"] for span in sink.spans] == ["work"]
    assert {resource["service.name"] for resource in sink.resources} == {"own"}
    assert processors == 1


def test_the_standard_variables_are_obeyed(sink: Any) -> None:
    run(
        OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
        OTEL_SERVICE_NAME="named",
        OTEL_RESOURCE_ATTRIBUTES="service.instance.id=pod-7",
    )

    assert [span["name"] for span in sink.spans] == ["work"]
    assert {(seen["service.name"], seen["service.instance.id"]) for seen in sink.resources} == {("named", "pod-7")}


def test_counters_of_the_process_are_cumulative_and_exported(sink: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    telemetry = Telemetry(service_name=None, endpoint=sink.url, tracer_provider=provider)
    provider.get_tracer("app").start_span("a").end()
    telemetry.close()

    assert set(sink.metrics) == {f"spanmeter.client.{name}" for name, _ in _COUNTERS}
    assert {metric["aggregationTemporality"] for metric in sink.metrics.values()} == {
        "AGGREGATION_TEMPORALITY_CUMULATIVE"
    }
    spans, exported = (
        sink.metrics[f"spanmeter.client.{name}"]["dataPoints"][0] for name in ("spans", "exported_spans")
    )
    assert int(spans["asInt"]) >= int(exported["asInt"]) >= 1


LEAVING = """
import time
import spanmeter
spanmeter.instrument(endpoint="{endpoint}")
{work}
print(time.time())
"""
MUCH = 'for _ in range(2_000): spanmeter.track("work")(lambda: None)()'
UNFINISHED = """
from langchain_core.language_models import FakeListChatModel
stream = FakeListChatModel(responses=["answer"]).stream("q")
next(stream)
"""


def _seconds_to_leave(endpoint: str, *, work: str = MUCH) -> float:
    code = LEAVING.format(endpoint=endpoint, work=work)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.time() - float(done.stdout)


def test_without_a_sidecar_the_application_leaves_in_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert _seconds_to_leave(f"http://127.0.0.1:{port}") < 5.5


def test_a_sidecar_that_is_busy_when_the_application_leaves_still_gets_every_span(sink: Any) -> None:
    sink.fail_next = [503]
    _seconds_to_leave(sink.url)

    assert len(sink.spans) == 2_000
    exported = sink.metrics["spanmeter.client.exported_spans"]["dataPoints"][0]
    assert exported["asInt"] == "2000"


def test_a_call_still_open_when_the_application_leaves_is_sent_as_cancelled(sink: Any) -> None:
    _seconds_to_leave(sink.url, work=UNFINISHED)

    (span,) = sink.spans
    assert span["name"] == "chat FakeListChatModel"
    assert plain(span["attributes"])["spanmeter.outcome"] == "cancelled"

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

import pytest
from langchain_openai import ChatOpenAI
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from pydantic import SecretStr

import spanmeter
from spanmeter import loss, metrics
from spanmeter.tally import _COUNTERS, tally
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
    assert (sink.counter("spans"), sink.counter("exported_spans")) == (1, 1)


FORKING = """
import multiprocessing, os, sys, time
{before}
import spanmeter
spanmeter.instrument(service_name="shop", endpoint="{endpoint}")
work = lambda times: [spanmeter.track("work")(lambda: None)() for _ in range(times)]
work(1)
time.sleep(1.3)
children = []
for times in (2, 3):
    children.append(os.fork())
    if children[-1] == 0:
        work(times)
        sys.exit()
for child in children:
    os.waitpid(child, 0)
worker = multiprocessing.get_context("fork").Process(target=work, args=(4,))
worker.start()
worker.join()
"""
OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(resource=Resource({"service.name": "own"})))
"""


@pytest.mark.parametrize("before", ["", OWN_PROVIDER], ids=["none", "own provider"])
def test_forked_processes_send_all_they_have_each_under_an_id_of_its_own(sink: Any, before: str) -> None:
    code = FORKING.format(endpoint=sink.url, before=before)
    subprocess.run([sys.executable, "-c", code], check=True)

    counted = {one["service.instance.id"]: one["spanmeter.client.spans"] for one in sink.readings}
    exported = {one["service.instance.id"]: one["spanmeter.client.exported_spans"] for one in sink.readings}
    assert sorted(counted.values()) == [1, 2, 3, 4]
    assert exported == counted
    assert len({span["spanId"] for span in sink.spans}) == len(sink.spans) == 10
    assert {resource["service.instance.id"] for resource in sink.resources} == counted.keys()


def test_what_the_queue_has_no_room_for_is_counted(
    sink: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "5")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5")
    sink.silent = True
    loss.lost.clear()
    before = (tally.spans, tally.exported_spans)
    provider = TracerProvider(shutdown_on_exit=False)
    telemetry = Telemetry(service_name=None, endpoint=sink.url, tracer_provider=provider)
    for _ in range(40):
        provider.get_tracer("app").start_span("a").end()
    sink.silent = False
    sink.speak.set()
    telemetry.close()
    caplog.clear()  # the SDK says so too

    dropped = loss.lost[loss.Reason.QUEUE_FULL]
    assert 25 <= dropped <= 35
    assert len(sink.spans) == 40 - dropped
    assert (tally.spans - before[0], tally.exported_spans - before[1]) == (40, 40 - dropped)


class Kept(SpanProcessor):
    """What an application's own exporter is given."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def test_the_applications_own_exporters_see_its_spans_as_before(sink: Any) -> None:
    kept, provider = Kept(), TracerProvider(resource=Resource({"service.name": "own"}), shutdown_on_exit=False)
    provider.add_span_processor(kept)
    telemetry = Telemetry(service_name="shop", endpoint=sink.url, tracer_provider=provider)
    provider.get_tracer("app").start_span("a", attributes={"b": 1}).end()
    telemetry.close()
    provider.get_tracer("app").start_span("later").end()

    assert [(span.name, dict(span.attributes or {})) for span in kept.spans] == [("a", {"b": 1}), ("later", {})]
    assert dict(kept.spans[0].resource.attributes) == {"service.name": "own"}
    assert [span["name"] for span in sink.spans] == ["a"]


def test_calls_of_a_trace_that_is_sampled_out_are_counted_all_the_same(sink: Any, provider: Any) -> None:
    def read() -> tuple[float, ...]:
        prompts = metrics.registry.get_sample_value("gen_ai_client_token_usage_sum", SAMPLED_OUT) or 0
        return tally.calls, tally.tokens, tally.spans, prompts

    sampler = TraceIdRatioBased(0)
    before = read()
    spanmeter.instrument(endpoint=sink.url, tracer_provider=TracerProvider(sampler, shutdown_on_exit=False))
    with spanmeter.measure() as bill:
        ChatOpenAI(model="gpt-5-nano", base_url=f"{provider.url}/v1", api_key=SecretStr("none")).invoke("a")
    spanmeter.uninstrument()

    assert [now - then for now, then in zip(read(), before, strict=True)] == [1, 120, 0, 100]
    assert (bill.calls, bill.input_tokens, bill.output_tokens) == (1, 100, 20)
    assert bill.cost_usd is not None
    assert bill.cost_usd > 0
    assert sink.spans == []
    assert sink.counter("calls") >= 1


SAMPLED_OUT = {
    "gen_ai_operation_name": "chat",
    "gen_ai_provider_name": "openai",
    "gen_ai_request_model": "gpt-5-nano",
    "gen_ai_token_type": "input",
}

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

"""One line switches everything on, in the application as it is."""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import urllib.request
from multiprocessing import util
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from openai.resources import embeddings
from opentelemetry import context, trace
from pydantic import SecretStr

import spanmeter


def run(code: str, **environment: str) -> Any:
    """Run code in a process of its own and return the JSON it prints."""
    told = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")} | environment
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, env=told
    )
    return json.loads(done.stdout)


def ask(provider: Any) -> None:
    ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none")).invoke("a")


def test_instrumenting_twice_counts_once(provider: Any, instrumented: Any, caplog: pytest.LogCaptureFixture) -> None:
    spanmeter.instrument()
    assert caplog.messages == []

    spanmeter.instrument(service_name="again", endpoint=provider.url, tracer_provider=instrumented.tracer_provider)
    ask(provider)

    assert len(instrumented.calls()) == provider.calls == 1
    assert "called again with other arguments, and stays as it first was" in caplog.text


def test_importing_loads_no_framework_exporter_or_price_list() -> None:
    heavy = run(
        """
        import json, sys
        import spanmeter
        heavy = {"genai_prices", "langchain_core", "llama_index", "openai", "requests", "prometheus_client", "chdb"}
        loaded = heavy & sys.modules.keys()
        spanmeter.context, spanmeter.measure, spanmeter.track
        print(json.dumps(sorted(loaded | {"requests", "google.protobuf"} & sys.modules.keys())))
        """
    )

    assert heavy == []


def test_importing_takes_less_than_a_quarter_second_beyond_the_sdk() -> None:
    code = """
        import json, time
        import opentelemetry.sdk.trace
        started = time.process_time()
        import spanmeter
        spanmeter.context, spanmeter.measure, spanmeter.track
        print(json.dumps(time.process_time() - started))
        """

    assert min(run(code) for _ in range(3)) < 0.25  # what the import takes, without what else the machine does


def test_frameworks_the_application_does_not_use_are_not_imported(provider: Any) -> None:
    loaded = run(
        f"""
        import json, sys
        import spanmeter
        spanmeter.instrument(endpoint="{provider.url}")
        spanmeter.uninstrument()
        print(json.dumps(sorted({{"langchain_core", "llama_index", "openai"}} & sys.modules.keys())))
        """
    )

    assert loaded == []


@pytest.mark.parametrize("adapter", ["langchain", "llama_index"])
def test_an_adapter_that_imports_its_framework_first_is_switched_on_too(adapter: str, provider: Any) -> None:
    installed = run(
        f"""
        import json
        import spanmeter
        from spanmeter import barrier
        spanmeter.instrument(endpoint="{provider.url}")
        import spanmeter.{adapter}
        print(json.dumps([spanmeter.instrumentation._active[0]._adapters, barrier.faults]))
        spanmeter.uninstrument()
        """
    )

    with_it = {"langchain": ["spanmeter.langsmith_runs"], "llama_index": []}
    assert installed == [[*with_it[adapter], f"spanmeter.{adapter}.registration"], {}]


def test_a_disabled_sdk_switches_everything_off() -> None:
    loaded = run(
        """
        import json, sys
        import spanmeter
        spanmeter.instrument()
        print(json.dumps("spanmeter.openai_client" in sys.modules or len(spanmeter.instrumentation._active)))
        """,
        OTEL_SDK_DISABLED="true",
    )

    assert loaded == 0


def test_a_missing_framework_says_what_to_install() -> None:
    message = run(
        """
        import json, sys
        sys.modules["langchain_core"] = None
        try:
            import spanmeter.langchain
        except ImportError as missing:
            print(json.dumps(str(missing)))
        """
    )

    assert message == "spanmeter.langchain needs langchain-core: pip install 'spanmeter[langchain]'"


def test_the_processs_metrics_have_a_port_when_asked_for(provider: Any, spans: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    spanmeter.instrument(endpoint=provider.url, tracer_provider=spans.tracer_provider, metrics_port=port)
    ask(provider)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        body = answer.read().decode()
    spanmeter.uninstrument()

    assert "gen_ai_client_operation_duration_seconds_bucket" in body
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")


@pytest.mark.parametrize(
    ("variable", "value"), [("SPANMETER_SPOOL_MB", "much"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon")]
)
def test_a_malformed_variable_stops_the_start_and_leaves_nothing_switched_on(
    monkeypatch: pytest.MonkeyPatch, spans: Any, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    before = trace_of(spans)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ValueError, match=f"{variable}='{value}': expected"):
        spanmeter.instrument(tracer_provider=spans.tracer_provider, metrics_port=port)

    assert trace_of(spans) == before
    socket.create_server(("127.0.0.1", port)).close()


def trace_of(spans: Any) -> dict[str, Any]:
    """What instrumenting may change in a process."""
    return {
        "finders": list(sys.meta_path),
        "processors": spans.tracer_provider._active_span_processor._span_processors,
        "threads": {thread.name for thread in threading.enumerate() if thread.name.startswith(("Otel", "spanmeter"))},
        "environment": dict(os.environ),
        "handlers": [hook[0] for hook in langchain_hooks()],
        "event handlers": list(get_dispatcher().event_handlers),
        "span handlers": list(get_dispatcher().span_handlers),
        "methods": {f"{owner.__name__}.{name}": vars(owner).get(name) for owner, name in WRAPPED},
        "children": len(util._afterfork_registry),  # type: ignore[attr-defined]
        "span": trace.get_current_span(),
    }


def langchain_hooks() -> list[Any]:
    return list(importlib.import_module("langchain_core.tracers.context")._configure_hooks)


WRAPPED = [
    (owner, name)
    for owner in (Embeddings, OpenAIEmbeddings, embeddings.Embeddings, embeddings.AsyncEmbeddings, ChatOpenAI)
    for name in ("embed_documents", "embed_query", "create", "_generate", "_agenerate", "__init__", "__init_subclass__")
]


def test_uninstrumenting_leaves_no_trace(provider: Any, spans: Any) -> None:
    get_dispatcher()
    before = trace_of(spans)
    spanmeter.instrument(endpoint=provider.url, tracer_provider=spans.tracer_provider)
    assert trace_of(spans) != before
    ask(provider)
    OpenAIEmbeddings(
        base_url=f"{provider.url}/v1", api_key=SecretStr("none"), check_embedding_ctx_length=False
    ).embed_query("a")
    spanmeter.uninstrument()
    gc.collect()
    after = trace_of(spans)
    finished = len(spans.finished)
    ask(provider)

    assert after.pop("threads") <= before.pop("threads")  # those of an earlier test may end meanwhile
    assert {name: (before[name], after[name]) for name in before if after[name] != before[name]} == {}
    assert len(spans.finished) == finished


def test_suppressed_instrumentation_is_silence(provider: Any, instrumented: Any) -> None:
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
    ask(provider)
    context.detach(token)

    assert instrumented.finished == ()


def test_a_port_that_is_taken_leaves_nothing_switched_on(provider: Any, spans: Any) -> None:
    active = spans.tracer_provider._active_span_processor
    before = active._span_processors
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            spanmeter.instrument(endpoint=provider.url, tracer_provider=spans.tracer_provider, metrics_port=port)

    assert active._span_processors == before

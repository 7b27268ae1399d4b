"""One line switches everything on, in the application as it is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import urllib.request
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
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


def test_instrumenting_twice_counts_once(provider: Any, instrumented: Any) -> None:
    spanmeter.instrument(service_name="again", endpoint=provider.url, tracer_provider=instrumented.tracer_provider)
    ask(provider)

    assert len(instrumented.calls()) == provider.calls == 1


def test_importing_loads_no_framework_exporter_or_price_list() -> None:
    heavy = run(
        """
        import json, sys
        import spanmeter
        heavy = {"genai_prices", "langchain_core", "llama_index", "openai", "requests", "prometheus_client", "chdb"}
        print(json.dumps(sorted(heavy & sys.modules.keys())))
        """
    )

    assert heavy == []


def test_importing_takes_less_than_a_quarter_second_beyond_the_sdk() -> None:
    seconds = run(
        """
        import json, time
        import opentelemetry.sdk.trace
        started = time.process_time()
        import spanmeter
        spanmeter.context, spanmeter.measure, spanmeter.track
        print(json.dumps(time.process_time() - started))
        """
    )

    assert seconds < 0.25


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

    assert installed == [[f"spanmeter.{adapter}.registration"], {}]


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


def test_a_port_that_is_taken_leaves_nothing_switched_on(provider: Any, spans: Any) -> None:
    active = spans.tracer_provider._active_span_processor
    before = active._span_processors
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            spanmeter.instrument(endpoint=provider.url, tracer_provider=spans.tracer_provider, metrics_port=port)

    assert active._span_processors == before

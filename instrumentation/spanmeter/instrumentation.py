"""Switches everything on and off again."""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import logging
import multiprocessing
import os
import threading
from collections.abc import Sequence
from multiprocessing import util
from typing import Final

from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import start_http_server

from spanmeter import anthropic_client, embeddings_client, metrics, semconv
from spanmeter.barrier import barrier
from spanmeter.budget.budgets import budgets
from spanmeter.budget.leasing import Leasing
from spanmeter.imports import Waiting
from spanmeter.process import calls
from spanmeter.settling import settling
from spanmeter.sidecar import sidecar as sidecar_of
from spanmeter.telemetry import Telemetry

ADAPTERS: Final = (
    ("langchain_core", "spanmeter.langchain.registration"),
    ("llama_index.core", "spanmeter.llama_index.registration"),
    ("langsmith.run_helpers", "spanmeter.langsmith_runs"),
    ("langsmith._internal.otel._otel_exporter", "spanmeter.langsmith_spans"),
    ("openai.resources.embeddings", "spanmeter.openai_client"),
    (anthropic_client.MODULE, "spanmeter.anthropic_client"),
    *((client, "spanmeter.embeddings_client") for client in embeddings_client.MODULES),
    *(
        (client, "spanmeter.langchain.raw_usage")
        for client in (
            "langchain_openai.chat_models.base",
            "langchain_anthropic.chat_models",
            "langchain_google_genai.chat_models",
            "langchain_google_vertexai.chat_models",
            "langchain_cohere.chat_models",
            "langchain_groq.chat_models",
            "langchain_openrouter.chat_models",
            "langchain_perplexity.chat_models",
        )
    ),
)
"""What is instrumented as soon as the application imports it, and the module whose `install` and `remove` do it.

The package of an adapter may itself be what imports the framework, and is then not ready yet.
"""

_log: Final = logging.getLogger(__name__)
_lock: Final = threading.Lock()
_active: Final[list[Instrumentation]] = []


class Instrumentation:
    """Everything that is on: adapters, export and, when asked for, a port with the process's metrics."""

    def __init__(
        self,
        *,
        service_name: str | None,
        endpoint: str | None,
        tracer_provider: TracerProvider | None,
        metrics_port: int | None,
        sidecar_at: str | None,
    ) -> None:
        self.given: Sequence[object] = (service_name, endpoint, tracer_provider, metrics_port, sidecar_at)
        destination = sidecar_of(sidecar_at, endpoint=endpoint)
        self._port = None if metrics_port is None else start_http_server(metrics_port, "127.0.0.1", metrics.registry)
        with contextlib.ExitStack() as undo:
            undo.callback(self._close_port)
            self._telemetry = Telemetry(service_name=service_name, endpoint=endpoint, tracer_provider=tracer_provider)
            undo.pop_all()
        calls().trace_with(self._telemetry.tracer_provider)
        budgets.serve(self._telemetry.tracer_provider.resource.attributes.get(semconv.SERVICE_NAME, ""))
        self._leasing = Leasing(budgets, destination)
        budgets.tell(self._leasing.follow)
        self._adapters: list[str] = []
        self._waiting = Waiting()
        for module, adapter in ADAPTERS:
            self._waiting.when_imported(module, functools.partial(self._install, adapter))
        # Runs before the tracer provider's own shutdown, for it is registered later: calls still open are sent too.
        atexit.register(self._end_leases)
        atexit.register(self._remove_adapters)
        _end_with_children(self)

    def close(self) -> None:
        """Take everything back, in reverse order."""
        self._waiting.close()
        atexit.unregister(self._remove_adapters)
        atexit.unregister(self._end_leases)
        self._remove_adapters()
        self._end_leases()
        self._close_port()
        calls().trace_with(None)
        self._telemetry.close()
        settling.rest()

    @barrier
    def _end_leases(self) -> None:
        budgets.forget(self._leasing.follow)
        self._leasing.close()

    def _close_port(self) -> None:
        if self._port is not None:
            server, thread = self._port
            server.shutdown()
            server.server_close()
            thread.join()

    @barrier
    def _install(self, adapter: str) -> None:
        importlib.import_module(adapter).install()
        self._adapters.append(adapter)

    def _remove_adapters(self) -> None:
        while self._adapters:
            _remove(self._adapters.pop())
        settling.now()


def _end_with_children(instrumentation: Instrumentation) -> None:
    """Have children of `multiprocessing` send what they have: they leave by `os._exit`, past all of `atexit`."""

    def end(_: object) -> None:
        util.Finalize(None, uninstrument, exitpriority=0)

    util.register_after_fork(instrumentation, end)
    if multiprocessing.parent_process() is not None:
        end(instrumentation)


def instrument(
    *,
    service_name: str | None = None,
    endpoint: str | None = None,
    tracer_provider: TracerProvider | None = None,
    metrics_port: int | None = None,
    sidecar: str | None = None,
) -> None:
    """Count, time and price every call of LangChain, LangGraph and LlamaIndex, and send the spans to the sidecar.

    `service_name` names the application, `endpoint` is the sidecar's address (`OTEL_EXPORTER_OTLP_ENDPOINT`, else
    http://127.0.0.1:4318). Spans go through `tracer_provider`, else the application's global one, else one made here.
    `metrics_port` serves the process's own metrics on 127.0.0.1. `sidecar` is where processes that share budgets meet
    when spans go elsewhere first, as to an OpenTelemetry Collector (`SPANMETER_SIDECAR`, else who takes the spans).
    Does nothing when already on, and says so where other arguments are given, or when `OTEL_SDK_DISABLED` is true.
    Reads the price list, some 0.4 s.
    """
    with _lock:
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            return
        if _active:
            _say_if_other((service_name, endpoint, tracer_provider, metrics_port, sidecar), than=_active[0].given)
            return
        _active.append(
            Instrumentation(
                service_name=service_name,
                endpoint=endpoint,
                tracer_provider=tracer_provider,
                metrics_port=metrics_port,
                sidecar_at=sidecar,
            )
        )


def _say_if_other(given: Sequence[object], *, than: Sequence[object]) -> None:
    if any(new is not None and new != first for new, first in zip(given, than, strict=True)):
        _log.warning(
            "spanmeter.instrument() was called again with other arguments, and stays as it first was: "
            "call spanmeter.uninstrument() before, if they shall count"
        )


def uninstrument() -> None:
    """Take back everything `instrument` did and send what is waiting; calls still open end as cancelled."""
    with _lock:
        while _active:
            _active.pop().close()


@barrier
def _remove(adapter: str) -> None:
    importlib.import_module(adapter).remove()

"""Those who are measured: how each is switched on, and how what it holds back is sent."""

# ruff: noqa: PLC0415  each is imported by who measures it; frameworks fix the signatures
from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final

Flush = Callable[[], object]
Install = Callable[[str], Flush]


def nothing(_: str) -> Flush:
    """The application alone."""
    return lambda: None


def empty(_: str) -> Flush:
    """Handlers that do nothing, where the frameworks call them: what listening alone costs."""
    from langchain_core.callbacks import BaseCallbackHandler

    def ignore(self: Any, *args: Any, **options: Any) -> None:
        """Nothing."""

    listened = [name for name in vars(_langchain_mixins()) if name.startswith("on_")]
    kind = type("Empty", (BaseCallbackHandler,), {"run_inline": True, **dict.fromkeys(listened, ignore)})
    _listen(kind())
    return lambda: None


def spanmeter(sink: str) -> Flush:
    """Spanmeter with everything on."""
    from opentelemetry import trace

    import spanmeter as product

    product.instrument(service_name="benchmark", endpoint=sink)
    return _flush_of(trace.get_tracer_provider())


def quoting(sink: str) -> Flush:
    """Spanmeter with everything on, texts too."""
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
    return spanmeter(sink)


def openinference(sink: str) -> Flush:
    """OpenInference's instrumentors."""
    from openinference.instrumentation.langchain import LangChainInstrumentor  # type: ignore[import-not-found]
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor  # type: ignore[import-not-found]

    return _instrumented(sink, LangChainInstrumentor(), LlamaIndexInstrumentor())


def traceloop(sink: str) -> Flush:
    """Traceloop's instrumentors."""
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor  # type: ignore[import-not-found]
    from opentelemetry.instrumentation.llamaindex import LlamaIndexInstrumentor  # type: ignore[import-not-found]

    return _instrumented(sink, LangchainInstrumentor(), LlamaIndexInstrumentor())


def openlit(sink: str) -> Flush:
    """OpenLIT."""
    import openlit as product  # type: ignore[import-not-found]
    from opentelemetry import trace

    product.init(otlp_endpoint=sink, disable_batch=False)
    return _flush_of(trace.get_tracer_provider())


def langfuse(sink: str) -> Flush:
    """Langfuse's LangChain handler; it has none for LlamaIndex."""
    os.environ |= {"LANGFUSE_HOST": sink, "LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-1"}
    from langfuse import get_client  # type: ignore[import-not-found]
    from langfuse.langchain import CallbackHandler  # type: ignore[import-not-found]

    _listen(CallbackHandler())
    client = get_client()
    flush: Flush = client.flush
    return flush


def langsmith(sink: str) -> Flush:
    """LangSmith's tracer, which LangChain brings along; it has none for LlamaIndex."""
    os.environ |= {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": sink, "LANGSMITH_API_KEY": "lsv2_pt_1"}
    from langchain_core.tracers.langchain import wait_for_all_tracers
    from langsmith import utils

    cached: Any = utils.get_env_var
    cached.cache_clear()
    return wait_for_all_tracers


def mlflow(sink: str) -> Flush:
    """MLflow's automatic tracing, exported over OTLP."""
    os.environ |= {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{sink}/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "MLFLOW_TRACKING_URI": sink,
    }
    import mlflow as product  # type: ignore[import-not-found]

    product.langchain.autolog()
    product.llama_index.autolog()
    flush: Flush = product.flush_trace_async_logging
    return flush


def _langchain_mixins() -> type:
    from langchain_core.callbacks import base

    mixins = (getattr(base, name) for name in dir(base) if name.endswith("Mixin"))
    listened = {name: method for mixin in mixins for name, method in vars(mixin).items() if name.startswith("on_")}
    return type("Listened", (), listened)


def _listen(handler: Any) -> None:
    from langchain_core.tracers.context import register_configure_hook

    register_configure_hook(ContextVar("benchmark", default=handler), inheritable=True)


def _flush_of(provider: Any) -> Flush:
    flush: Flush = provider.force_flush
    return flush


def _instrumented(sink: str, *instrumentors: Any) -> Flush:
    """Have OpenTelemetry's instrumentors write to a queue of the SDK's."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    queue = BatchSpanProcessor(OTLPSpanExporter(f"{sink}/v1/traces"), max_queue_size=16_384)
    provider.add_span_processor(queue)
    trace.set_tracer_provider(provider)
    for instrumentor in instrumentors:
        instrumentor.instrument(tracer_provider=provider)
    return provider.force_flush


CONTESTANTS: Final[Mapping[str, Install]] = {
    "none": nothing,
    "empty": empty,
    "spanmeter": spanmeter,
    "quoting": quoting,
    "openinference": openinference,
    "traceloop": traceloop,
    "openlit": openlit,
    "langfuse": langfuse,
    "langsmith": langsmith,
    "mlflow": mlflow,
}

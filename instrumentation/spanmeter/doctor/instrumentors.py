"""Other instrumentations of the same calls: which are installed, which are switched on."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from spanmeter.doctor.finding import Finding

CHECK: Final = "other instrumentations"
_GROUP: Final = "opentelemetry_instrumentor"
_BASE: Final = "opentelemetry.instrumentation.instrumentor"
_OF_MODELS: Final = re.compile(
    r"agno|anthropic|autogen|bedrock|cohere|crewai|dspy|genai|google|groq|haystack|langchain|langgraph|litellm"
    r"|llama|mistral|ollama|openai|pydantic_ai|replicate|sagemaker|together|vertex|watsonx"
)
_ADVICE: Final = "its spans may reach the ledger too, which counts a call once: spanmeter duplicates lists the others"
_SWITCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "LangSmith": ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_OTEL_ENABLED"),
    "Langfuse": ("LANGFUSE_SECRET_KEY",),
    "Traceloop": ("TRACELOOP_API_KEY", "TRACELOOP_BASE_URL"),
    "Phoenix (OpenInference)": ("PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_API_KEY"),
    "OpenLIT": ("OPENLIT_ENDPOINT", "OPENLIT_API_KEY"),
    "Logfire": ("LOGFIRE_TOKEN",),
}
_OFF: Final = frozenset({"", "0", "false", "no", "off"})


def installed(points: Iterable[EntryPoint] | None = None) -> Finding:
    """Which instrumentations of model clients and frameworks `opentelemetry-instrument` would switch on."""
    found = entry_points(group=_GROUP) if points is None else points
    names = sorted({_package(point) for point in found if _OF_MODELS.search(point.value.lower())})
    if not names:
        return Finding.ok(CHECK, "none is installed")
    text = f"installed, and on wherever opentelemetry-instrument or its own init runs: {', '.join(names)}"
    return Finding.warning(CHECK, text, _ADVICE)


def switched_on(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Which other tools the environment switches on."""
    for tool, variables in _SWITCHES.items():
        on = [name for name in variables if environ.get(name, "").strip().lower() not in _OFF]
        if on:
            yield Finding.warning(CHECK, f"{tool} is configured by {', '.join(on)}", _ADVICE)


def active(framework: str) -> Iterator[Finding]:
    """Which instrumentations are switched on in this process, as they say themselves."""
    base: Any = getattr(sys.modules.get(_BASE), "BaseInstrumentor", None)
    on = sorted({_named(kind) for kind in (_below(base) if base else ()) if _is_on(kind)})
    if on:
        text = f"on during the {framework} replay: {', '.join(on)}"
        yield Finding.warning(CHECK, text, _ADVICE)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value.partition(":")[0]


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def _is_on(kind: type[Any]) -> bool:
    single = kind.__dict__.get("_instance")
    of_models = _OF_MODELS.search(kind.__module__.lower()) is not None
    return of_models and bool(getattr(single, "_is_instrumented_by_opentelemetry", False))


def _named(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"

"""Which other instrumentations are seen."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from spanmeter.doctor import instrumentors
from spanmeter.doctor.finding import Finding

TRACELOOP = EntryPoint(
    "openai", "opentelemetry.instrumentation.openai:OpenAIInstrumentor", "opentelemetry_instrumentor"
)
OTHER = EntryPoint("flask", "opentelemetry.instrumentation.flask:FlaskInstrumentor", "opentelemetry_instrumentor")


def test_installed_instrumentations_of_models_are_named() -> None:
    found = instrumentors.installed([OTHER, TRACELOOP])
    where, _, names = found.text.partition(": ")
    assert (found.level, where) == (
        "warning",
        "installed, and on wherever opentelemetry-instrument or its own init runs",
    )
    assert names == "opentelemetry.instrumentation.openai"


def test_instrumentations_of_anything_else_do_not_matter() -> None:
    assert instrumentors.installed([OTHER]) == Finding.ok("other instrumentations", "none is installed")


def test_tools_that_the_environment_switches_on_are_named_without_their_keys() -> None:
    environ = {"LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "false", "LANGFUSE_SECRET_KEY": "sk-lf-1"}
    assert [finding.text for finding in instrumentors.switched_on(environ)] == [
        "LangSmith is configured by LANGSMITH_TRACING",
        "Langfuse is configured by LANGFUSE_SECRET_KEY",
    ]


def test_without_opentelemetry_instrumentation_none_is_on() -> None:
    assert list(instrumentors.active("LangChain")) == []

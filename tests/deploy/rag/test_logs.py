from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

import spanmeter
from spanmeter_rag.logs import configure_logs


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    yield
    spanmeter.configure_logging().undo()
    structlog.reset_defaults()


def test_a_line_carries_the_trace_and_span_it_was_written_in(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("request") as span:
        structlog.stdlib.get_logger("rag").info("answered", way="mixed")
    line = json.loads(capsys.readouterr().err)
    context = span.get_span_context()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "message": "answered",
        "level": "info",
        "logger": "rag",
        "way": "mixed",
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
    }


def test_libraries_write_the_same_shape(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs()
    logging.getLogger("library").warning("slow: %s", "disk")
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["logger"], line["level"]) == ("slow: disk", "library", "warning")
    assert "trace_id" not in line

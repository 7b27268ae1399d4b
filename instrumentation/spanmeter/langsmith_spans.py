"""LangSmith's own spans, in its OpenTelemetry mode: in the trace they belong to, and stamped as of their start.

LangSmith writes them later, in a thread of its own, and by then the calls that surrounded a run may have ended. So what
surrounds a run is kept when it is created, and holds when its span is started.
"""

# ruff: noqa: ANN401  wrappers pass on what they are given

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, Final

from langsmith import client
from langsmith._internal.otel import _otel_exporter
from opentelemetry import context, trace
from opentelemetry.context import Context

from spanmeter.barrier import barrier
from spanmeter.replaced import Replaced
from spanmeter.stamp import stamped

Function = Callable[..., Any]
MAX_STARTS: Final = 10_000
"""Runs whose span LangSmith has not written yet; of more the oldest are forgotten, such as those it never sends."""

_UNKNOWN: Final = "this version of langsmith is not known; its own spans may be in other traces"
_replaced: Final = Replaced()
starts: Final[dict[str, Context]] = {}
_lock: Final = threading.Lock()


def install() -> None:
    """Keep what surrounds each run that LangSmith creates. Idempotent."""
    if _replaced:
        return
    exporter = _otel_exporter.OTELExporter
    if _replaced.put(exporter, {"_create_span_for_run": _placing}, missing=_UNKNOWN):
        _replaced.put(client.Client, {"create_run": _keeping})


def remove() -> None:
    """Put LangSmith's own methods back."""
    _replaced.remove()
    starts.clear()


def _keeping(create: Function) -> Function:
    @functools.wraps(create)
    def create_run(langsmith: Any, *args: Any, **options: Any) -> Any:
        if getattr(langsmith, "otel_exporter", None) is not None:
            _keep(options.get("id"))
        return create(langsmith, *args, **options)

    return create_run


@barrier
def _keep(run_id: object) -> None:
    here = trace.NonRecordingSpan(trace.get_current_span().get_span_context())
    start = stamped(trace.set_span_in_context(here, Context()))
    with _lock:
        while len(starts) >= MAX_STARTS:
            del starts[next(iter(starts))]
        starts[str(run_id)] = start


def _placing(create: Function) -> Function:
    @functools.wraps(create)
    def create_span_for_run(exporter: Any, op: Any, run_info: Any, *args: Any, **options: Any) -> Any:
        start = _taken(op)
        if start is None:
            return create(exporter, op, run_info, *args, **options)
        token = context.attach(start)
        try:
            return create(exporter, op, run_info, start)
        finally:
            context.detach(token)

    return create_span_for_run


@barrier
def _taken(op: Any) -> Context | None:
    with _lock:
        return starts.pop(str(op.id), None)

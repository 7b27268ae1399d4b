"""Stamps spans that others write with what only this process knows."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import here
from spanmeter.opening import Attributes
from spanmeter.roots import is_root
from spanmeter.scope import current_scope

_MODEL_OPERATIONS: Final = semconv.GENERATION_OPERATIONS | {"embeddings"}


class Stamp(SpanProcessor):
    """Puts on the spans of others what `spanmeter.context` says, and whether a model call of ours surrounds them.

    Those that start while a model call of ours is the innermost tell of that call once more, as do LangSmith's of a
    LangChain run: they carry `spanmeter.inside_call`. Nobody's spans are suppressed.
    """

    @barrier
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Stamp a span at its start."""
        if _is_ours(span):
            return
        attributes: Attributes = current_scope().attributes
        if _is_inside_model_call() or _is_langsmiths_of_ours(span):
            attributes = {**attributes, semconv.INSIDE_CALL: True}
        if attributes:
            span.set_attributes(attributes)


def _is_ours(span: Span) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == semconv.SCOPE


def _is_langsmiths_of_ours(span: Span) -> bool:
    scope = span.instrumentation_scope
    return scope is not None and scope.name == "langsmith" and is_root(span.get_span_context().trace_id)


def _is_inside_model_call() -> bool:
    innermost = here().call
    return isinstance(innermost, Call) and innermost.opening.operation in _MODEL_OPERATIONS

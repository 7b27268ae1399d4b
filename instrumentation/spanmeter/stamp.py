"""Stamps spans that others write with what only this process knows."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from spanmeter import semconv
from spanmeter.call import Call
from spanmeter.current import here
from spanmeter.opening import Attributes
from spanmeter.scope import current_scope

_MODEL_OPERATIONS: Final = semconv.GENERATION_OPERATIONS | {"embeddings"}


class Stamp(SpanProcessor):
    """Puts on the spans of others what `spanmeter.context` says, and whether a model call of ours surrounds them.

    Those that start or end while a model call of ours is the innermost tell of that call once more: they carry
    `spanmeter.inside_call`. Nobody's spans are suppressed.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Stamp a span at its start."""
        if _is_ours(span):
            return
        attributes: Attributes = current_scope().attributes
        if _is_inside_model_call():
            attributes = {**attributes, semconv.INSIDE_CALL: True}
        if attributes:
            span.set_attributes(attributes)

    def _on_ending(self, span: Span) -> None:
        # A callback handler that LangChain asks before ours starts and ends its span before ours of the same call:
        # only its end lies inside. The SDK asks here while attributes can still be written.
        if not _is_ours(span) and _is_inside_model_call():
            span.set_attribute(semconv.INSIDE_CALL, value=True)


def _is_ours(span: ReadableSpan) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == semconv.SCOPE


def _is_inside_model_call() -> bool:
    innermost = here().call
    return isinstance(innermost, Call) and innermost.opening.operation in _MODEL_OPERATIONS

"""Stamps spans that others write with what only this process knows."""

from __future__ import annotations

from typing import Final, cast

from opentelemetry import context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

from spanmeter import semconv
from spanmeter.barrier import barrier
from spanmeter.call import Call
from spanmeter.current import here
from spanmeter.light_tracer import passing
from spanmeter.opening import Attributes
from spanmeter.scope import current_scope

_KEPT: Final = context.create_key("spanmeter-stamps")
_MODEL_OPERATIONS: Final = semconv.GENERATION_OPERATIONS | {"embeddings"}


class Stamp(SpanProcessor):
    """Puts on the spans of others what `spanmeter.context` says, and whether a model call of ours surrounds them.

    Those that start while a model call of ours is the innermost tell of that call once more: they carry
    `spanmeter.inside_call`. LangSmith writes its spans of LangChain's runs later, from a thread of its own: they carry
    `spanmeter.instrumented`, for LangChain's runs are counted here already. Nobody's spans are suppressed.
    """

    @barrier
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        """Stamp a span at its start."""
        if _is_ours(span):
            return
        kept = context.get_current().get(_KEPT)
        attributes: Attributes = _stamps() if kept is None else cast("Attributes", kept)
        if _is_langsmiths(span):
            attributes = {**attributes, semconv.INSTRUMENTED: True}
        if attributes:
            span.set_attributes(attributes)


passing.add(Stamp.on_start)


def stamped(surroundings: Context) -> Context:
    """Keep in a context what spans that start in it later are stamped with, as of now."""
    return context.set_value(_KEPT, _stamps(), surroundings)


def _stamps() -> Attributes:
    attributes = current_scope().attributes
    return {**attributes, semconv.INSIDE_CALL: True} if _is_inside_model_call() else attributes


def _is_ours(span: Span) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == semconv.SCOPE


def _is_langsmiths(span: Span) -> bool:
    return span.instrumentation_scope is not None and span.instrumentation_scope.name == semconv.LANGSMITH_SCOPE


def _is_inside_model_call() -> bool:
    innermost = here().call
    while isinstance(innermost, Call) and innermost.opening.operation == "track":
        innermost = innermost.above
    return isinstance(innermost, Call) and innermost.opening.operation in _MODEL_OPERATIONS

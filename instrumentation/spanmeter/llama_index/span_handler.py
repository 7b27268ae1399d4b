"""The span handler: LlamaIndex tells by spans which of its methods run inside which."""

# ruff: noqa: ANN401, ARG002  LlamaIndex fixes these signatures

from __future__ import annotations

import inspect
from typing import Any

from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler

from spanmeter.barrier import barrier
from spanmeter.llama_index.open_spans import spans
from spanmeter.process import calls


class SpanmeterSpanHandler(BaseSpanHandler[BaseSpan]):
    """Turns queries, retrievals, syntheses, tools, agents and workflows into calls; goes with `SpanmeterEventHandler`.

    Spans go to the application's global tracer provider. Several handlers, or one beside
    `spanmeter.instrument()`, open a span once. What is open is kept for the whole process, so `open_spans` and
    its siblings stay empty.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        calls()

    @classmethod
    def class_name(cls) -> str:
        """LlamaIndex's name for this class."""
        return "SpanmeterSpanHandler"

    # The base class keeps books of what is open around the three methods below, under a lock.

    def span_enter(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any = None,
        parent_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Hand on to `new_span`."""
        self.new_span(id_, bound_args, instance, parent_id, tags)

    def span_exit(
        self, id_: str, bound_args: inspect.BoundArguments, instance: Any = None, result: Any = None, **kwargs: Any
    ) -> None:
        """Hand on to `prepare_to_exit_span`."""
        self.prepare_to_exit_span(id_, bound_args, instance, result)

    def span_drop(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        """Hand on to `prepare_to_drop_span`."""
        self.prepare_to_drop_span(id_, bound_args, instance, err)

    @barrier
    def new_span(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any = None,
        parent_span_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Open a call for a method that is kept."""
        spans.enter(id_, instance, parent_span_id, bound_args)

    @barrier
    def prepare_to_exit_span(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any = None,
        result: Any = None,
        **kwargs: Any,
    ) -> None:
        """End the call of a method that returned."""
        spans.exit(id_, result)

    @barrier
    def prepare_to_drop_span(
        self,
        id_: str,
        bound_args: inspect.BoundArguments,
        instance: Any = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> None:
        """End the call of a method that raised."""
        spans.drop(id_, err or RuntimeError("dropped without an error"))

    @barrier
    def close(self) -> None:
        """End whatever is open when LlamaIndex's dispatcher shuts down."""
        spans.cancel_all()

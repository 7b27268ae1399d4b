"""LlamaIndex's open spans by their ids, and the calls they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse

from spanmeter.barrier import barrier
from spanmeter.call import NO_ANSWER, Answer, Call
from spanmeter.llama_index.model_call import MAX_OPEN, ModelCalls
from spanmeter.llama_index.operation import is_structuring, opening_of
from spanmeter.llama_index.retrieval import retrieval_attributes
from spanmeter.llama_index.stream import hand_out, is_stream, resumed
from spanmeter.opening import Opening
from spanmeter.process import calls


@dataclass(frozen=True, slots=True, eq=False)
class OpenSpan:
    """One of LlamaIndex's spans. `call` is its own; `enclosing` the nearest span around it that has one.

    `structures` says that an answer is being turned into an object in it.
    """

    instance: Any
    call: Call | None
    enclosing: OpenSpan | None
    structures: bool

    @property
    def kept(self) -> OpenSpan | None:
        """The span whose call stands for this one as a parent."""
        return self if self.call is not None else self.enclosing


class OpenSpans:
    """Opens and ends the calls of LlamaIndex's spans.

    There is one in a process, whichever and however many handlers feed it: a second one finds a span
    open already, and an ended one gone. Bounded: when too many are open the oldest gives way and is ended as cancelled.
    """

    def __init__(self) -> None:
        self.models = ModelCalls()
        self._open: dict[str, OpenSpan] = {}

    def enter(self, span_id: str, instance: Any, parent_id: str | None) -> None:  # noqa: ANN401  the framework's door
        """Open a call for a span that is kept; any other hands its children on to the nearest one that is."""
        if span_id in self._open:
            return
        above = self._open.get(parent_id) if parent_id else None
        structures = is_structuring(span_id, instance) or (above is not None and above.structures)
        opening = _opening(span_id, instance, above)
        call = None if opening is None else calls().start(opening, parent=self.call(parent_id))
        self._open[span_id] = OpenSpan(instance, call, above.kept if above else None, structures)
        if len(self._open) > MAX_OPEN:
            self.drop(next(iter(self._open)), GeneratorExit())

    def call(self, span_id: str | None) -> Call | None:
        """The call that stands for a span as a parent: of the model asked in it, its own, or the nearest around it."""
        if span_id is None:
            return None
        span = self._open.get(span_id)
        kept = span.kept if span else None
        return self.models.get(span_id) or (kept.call if kept else None)

    def instance(self, span_id: str | None) -> Any:  # noqa: ANN401  the framework's door
        """The object whose method an open span is, None for functions."""
        span = self._open.get(span_id) if span_id else None
        return span.instance if span else None

    def exit(self, span_id: str, result: Any) -> None:  # noqa: ANN401  the framework's door
        """End the calls of a span that returned; one that returned a stream ends with the stream."""
        self.models.leave(span_id, result if is_stream(result) else None)
        span = self._open.get(span_id)
        stream = result.response_gen if isinstance(result, StreamingResponse | AsyncStreamingResponse) else None
        if span is None or span.call is None or not is_stream(stream):
            self.end(span_id, result=result)
            return
        result.response_gen = resumed(stream, ended=barrier(lambda error: self.end(span_id, error)))
        hand_out(span.call, result.response_gen, abandoned=barrier(lambda: self.end(span_id, GeneratorExit())))

    def drop(self, span_id: str, error: BaseException) -> None:
        """End the calls of a span that raised; up to 0.12 that is how a workflow tells that it was cancelled."""
        if type(error).__name__ == "WorkflowCancelledByUser":
            error = GeneratorExit()
        self.models.fail(span_id, error)
        self.end(span_id, error)

    def end(self, span_id: str, error: BaseException | None = None, *, result: Any = None) -> None:  # noqa: ANN401  the framework's door
        """End a span's own call, if it has one that is open."""
        span = self._open.pop(span_id, None)
        if span is None or span.call is None:
            return
        if error is not None:
            span.call.fail(error)
            return
        answer = NO_ANSWER
        try:
            if span.call.opening.operation == "retrieval":
                answer = Answer(attributes=retrieval_attributes(result))
        finally:
            span.call.stop(answer)

    def cancel_all(self) -> None:
        """End whatever is open."""
        self.models.cancel_all()
        for span_id in list(self._open):
            self.end(span_id, GeneratorExit())


def _opening(span_id: str, instance: Any, above: OpenSpan | None) -> Opening | None:  # noqa: ANN401  the framework's door
    enclosing = above.kept if above else None
    around = enclosing.call.opening.operation if enclosing and enclosing.call else ""
    opening = opening_of(span_id, instance, enclosing_operation=around)
    if opening is None or above is None:
        return opening
    is_repeated = enclosing is not None and enclosing.instance is instance and around == opening.operation
    is_constructor = above.structures and opening.operation == "execute_tool"
    return None if is_repeated or is_constructor else opening


spans: Final = OpenSpans()

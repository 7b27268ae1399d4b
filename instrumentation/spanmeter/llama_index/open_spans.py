"""LlamaIndex's open spans by their ids, and the calls they stand for."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import Any, Final

from llama_index.core.base.response.schema import AsyncStreamingResponse, StreamingResponse

from spanmeter.barrier import barrier
from spanmeter.call import NO_ANSWER, Answer, Call
from spanmeter.capture import captures_content
from spanmeter.current import is_suppressed
from spanmeter.llama_index import quote
from spanmeter.llama_index.model_call import ModelCalls
from spanmeter.llama_index.operation import STEP, Method, method_of, opening_of
from spanmeter.llama_index.retrieval import retrieval_attributes
from spanmeter.llama_index.stream import hand_out, is_stream, resumed, step_aside
from spanmeter.llama_index.unended import Unended
from spanmeter.opening import Opening
from spanmeter.process import calls


@dataclass(slots=True, eq=False)
class OpenSpan:
    """One of LlamaIndex's spans. `call` is its own; `enclosing` the nearest span around it that has one.

    `structures` says that an answer is being turned into an object in it, `failed` is the error of its latest step.
    """

    instance: Any
    call: Call | None
    enclosing: OpenSpan | None
    structures: bool
    seen_s: float = 0.0
    failed: BaseException | None = None

    @property
    def kept(self) -> OpenSpan | None:
        """The nearest span whose call can be the parent of what starts in this one now."""
        span = self if self.call is not None else self.enclosing
        while span is not None and span.call is not None and not span.call._is_current():  # noqa: SLF001  as `innermost`
            span = span.enclosing
        return span


class OpenSpans:
    """Opens and ends the calls of LlamaIndex's spans.

    There is one in a process, whichever and however many handlers feed it: a second one finds a span
    open already, and an ended one gone.
    """

    def __init__(self) -> None:
        self.models = ModelCalls()
        self._open: Unended[OpenSpan] = Unended(give_up=lambda span_id: self.drop(span_id, GeneratorExit()))

    def enter(
        self,
        span_id: str,
        instance: Any,  # noqa: ANN401  the framework's door
        parent_id: str | None,
        given: inspect.BoundArguments | None = None,
    ) -> None:
        """Open a call for a span that is kept; any other hands its children on to the nearest one that is."""
        if span_id in self._open:
            return
        method = method_of(span_id, instance)
        above = self._open.get(parent_id) if parent_id else None
        enclosing = above.kept if above is not None else None
        opening = _opening(method, instance, above, enclosing)
        if opening is not None and given is not None and opening.operation in _QUOTED and captures_content():
            opening = replace(opening, quote=quote.started(opening.operation, given))
        call = None if opening is None or is_suppressed() else self._start(opening, parent_id, enclosing)
        structures = method.structures or (above is not None and above.structures)
        span = OpenSpan(instance, call, enclosing, structures)
        self._open.start(span_id, span)
        if above is not None:
            above.seen_s, above.failed = span.seen_s, None
        if call is not None and method.runs_beside:
            step_aside(call)

    def _start(self, opening: Opening, parent_id: str | None, enclosing: OpenSpan | None) -> Call:
        asked = self.models.get(parent_id) if parent_id else None
        return calls().start(opening, parent=asked or (enclosing.call if enclosing is not None else None))

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
        """End the calls of a span that returned; one that returned a stream ends with the stream.

        With 0.12 and 0.13 a workflow that failed returns nothing; that its latest step failed tells it.
        """
        if span_id in self.models:
            self.models.leave(span_id, result if is_stream(result) else None)
        span = self._open.get(span_id)
        if span is not None and span.call is None:
            self._open.pop(span_id, None)
            return
        streams = isinstance(result, _RESPONSES) and is_stream(result.response_gen)
        if streams and span is not None and span.call is not None:
            self._hand_out(span_id, span.call, result)
        else:
            self.end(span_id, span.failed if span is not None and result is None else None, result=result)

    def _hand_out(self, span_id: str, call: Call, response: Any) -> None:  # noqa: ANN401  the framework's door
        stream = resumed(response.response_gen, ended=barrier(lambda error: self.end(span_id, error)))
        response.response_gen = stream
        hand_out(call, stream, abandoned=barrier(lambda: self.end(span_id, GeneratorExit())))

    def drop(self, span_id: str, error: BaseException) -> None:
        """End the calls of a span that raised; up to 0.12 that is how a workflow tells that it was cancelled."""
        if type(error).__name__ == "WorkflowCancelledByUser":
            error = GeneratorExit()
        self.models.fail(span_id, error)
        self.models.end_streams()
        span = self._open.get(span_id)
        if span is not None and span.enclosing is not None and span.call is not None:
            span.enclosing.failed = error if span.call.opening.operation == STEP else None
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
            operation = span.call.opening.operation
            if operation in _FINDING:
                answer = Answer(attributes=retrieval_attributes(result))
            if operation in _QUOTED and captures_content():
                answer = replace(answer, quote=quote.ended(operation, result))
        finally:
            span.call.stop(answer)

    def cancel_all(self) -> None:
        """End whatever is open."""
        self.models.cancel_all()
        for span_id in list(self._open):
            self.end(span_id, GeneratorExit())


def _opening(
    method: Method,
    instance: Any,  # noqa: ANN401  the framework's door
    above: OpenSpan | None,
    enclosing: OpenSpan | None,
) -> Opening | None:
    if method.operation is None and not method.may_be_a_step:
        return None
    around = enclosing.call.opening.operation if enclosing and enclosing.call else ""
    is_repeated = enclosing is not None and enclosing.instance is instance and around == method.operation
    is_constructor = above is not None and above.structures and method.operation == "execute_tool"
    return None if is_repeated or is_constructor else opening_of(method, instance, enclosing_operation=around)


_FINDING: Final = frozenset({"retrieval", "postprocess"})
_QUOTED: Final = frozenset({"retrieval", "execute_tool"})
_RESPONSES: Final = (StreamingResponse, AsyncStreamingResponse)
spans: Final = OpenSpans()

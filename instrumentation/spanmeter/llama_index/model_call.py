"""Calls to models, which LlamaIndex tells by events: a start, chunks of a stream, an end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from spanmeter.barrier import barrier
from spanmeter.call import NO_ANSWER, Answer, Call, Opening, reporting_providers
from spanmeter.llama_index.response import answer_of, has_content
from spanmeter.llama_index.stream import Stream, hand_out
from spanmeter.process import calls

MAX_OPEN: Final = 10_000


@dataclass(slots=True, eq=False)
class ModelCall:
    """The open call to a model inside one of LlamaIndex's spans; `unanswered` counts its starts without an end."""

    call: Call
    unanswered: int = 1
    started: int = 1
    finishing: Any = None
    latest: Any = None

    def stop(self, *, may_be_cached: bool) -> None:
        """End the call by what the client below reported of its requests.

        A client that reports made none when there is no report; of others each start was taken for one.
        """
        reports = self.call.opening.provider in reporting_providers
        if reports and may_be_cached and not self.call.reported:
            self.call.stop(Answer(cache_hit=True))
            return
        if not self.call.reported and self.started > 1:
            for _ in range(self.started):
                self.call.report(NO_ANSWER)
        self.call.stop()


class ModelCalls:
    """The open calls to models by the id of the span they were started in.

    An asynchronous batch of embeddings announces the start of every request, then the end of every request,
    all in one span: they are one call here, for the client below reports each request to the innermost one.
    Bounded: when too many are open the oldest gives way and is ended as cancelled.
    """

    def __init__(self) -> None:
        self._open: dict[str, ModelCall] = {}

    def get(self, span_id: str) -> Call | None:
        """The call open in a span."""
        model = self._open.get(span_id)
        return model.call if model else None

    def start(self, span_id: str, opening: Opening, *, parent: Call | None) -> None:
        """Open a call, or let the open one stand for one request more."""
        model = self._open.get(span_id)
        if model is not None:
            model.unanswered += 1
            model.started += 1
            return
        self._open[span_id] = ModelCall(calls().start(opening, parent=parent))
        if len(self._open) > MAX_OPEN:
            self.fail(next(iter(self._open)), GeneratorExit())

    def chunk(self, span_id: str, response: Any) -> None:  # noqa: ANN401  the framework's door
        """Note a chunk of a stream."""
        model = self._open.get(span_id)
        if model is None:
            return
        model.finishing, model.latest = model.latest, response
        if model.call.first_chunk_s is None and has_content(response):
            model.call.first_chunk()

    def end(self, span_id: str, response: Any) -> None:  # noqa: ANN401  the framework's door
        """End a generation with what it answered."""
        model = self._open.pop(span_id, None)
        if model is None:
            return
        answer = NO_ANSWER
        try:
            answer = answer_of(response, provider=model.call.opening.provider, finishing=model.finishing)
        finally:
            model.call.stop(answer)

    def answered(self, span_id: str, *, may_be_cached: bool) -> None:
        """Note the end of one request of embeddings or of a rerank; the last one ends the call."""
        model = self._open.get(span_id)
        if model is None:
            return
        model.unanswered -= 1
        if model.unanswered == 0:
            del self._open[span_id]
            model.stop(may_be_cached=may_be_cached)

    def fail(self, span_id: str, error: BaseException) -> None:
        """End what is open in a span with an error; a closed stream or a cancelled task is none."""
        model = self._open.pop(span_id, None)
        if model is not None:
            model.call.fail(error)

    def leave(self, span_id: str, stream: Stream | None) -> None:
        """The span returned: with a stream the call stays open until that ends, otherwise it is over."""
        model = self._open.get(span_id)
        if model is None:
            return
        if stream is None:
            del self._open[span_id]
            model.call.stop()
        else:
            hand_out(model.call, stream, abandoned=barrier(lambda: self.fail(span_id, GeneratorExit())))

    def cancel_all(self) -> None:
        """End whatever is open."""
        for span_id in list(self._open):
            self.fail(span_id, GeneratorExit())

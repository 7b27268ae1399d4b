"""Calls to models, which LlamaIndex tells by events: a start, chunks of a stream, an end."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from spanmeter.barrier import barrier
from spanmeter.budget.pending import claim
from spanmeter.call import NO_ANSWER, Answer, Call, Opening
from spanmeter.capture import captures_content
from spanmeter.current import is_suppressed
from spanmeter.llama_index import quote
from spanmeter.llama_index.message import tool_calls_text
from spanmeter.llama_index.response import answer_reader, has_content, nothing
from spanmeter.llama_index.stream import Stream, hand_out, is_over
from spanmeter.llama_index.unended import Unended
from spanmeter.process import calls
from spanmeter.telling import reporting_providers


@dataclass(slots=True, eq=False)
class ModelCall:
    """The open call to a model inside one of LlamaIndex's spans.

    `unanswered` counts its starts without an end, `texts` are what its requests had embedded, `told_by` is the event
    that told of its latest chunk, `stream` what its method returned.
    """

    call: Call
    unanswered: int = 1
    started: int = 1
    finishing: Any = None
    latest: Any = None
    texts: list[str] = field(default_factory=list)
    seen_s: float = 0.0
    told_by: str = ""
    stream: weakref.ref[Stream] | None = None

    def stop(self, *, may_be_cached: bool) -> None:
        """End the call by what the client below reported of its requests.

        A client that reports made none when there is no report; of others each start was taken for one.
        """
        reports = self.call.opening.provider in reporting_providers
        answer = NO_ANSWER
        requests = self.call.cache_requests
        if not self.call.reported and (reports if requests is None else not requests.misses) and may_be_cached:
            answer = Answer(cache_hit=True)
        elif not self.call.reported and self.started > 1:
            answer = Answer(requests=self.started)
        self.call.stop_by(lambda: answer)

    def fail(self, error: BaseException) -> None:
        """End the call with an error; of a stream's calls of tools only now is known how far they came."""
        if piece := tool_calls_text(getattr(self.latest, "message", None)):
            self.call.hear(piece)
        quotes = captures_content() and self.latest is not None
        self.call.fail(error, Answer(quote=quote.answered(self.latest)) if quotes else NO_ANSWER)


class ModelCalls:
    """The open calls to models by the id of the span they were started in.

    An asynchronous batch of embeddings announces the start of every request, then the end of every request,
    all in one span: they are one call here, for the client below reports each request to the innermost one.
    """

    def __init__(self) -> None:
        self._open: Unended[ModelCall] = Unended(give_up=lambda span_id: self.fail(span_id, GeneratorExit()))

    def __contains__(self, span_id: str) -> bool:
        """Whether a call is open in a span."""
        return span_id in self._open

    def get(self, span_id: str) -> Call | None:
        """The call open in a span."""
        model = self._open.get(span_id)
        return model.call if model else None

    def start(self, span_id: str, opening: Opening, *, parent: Call | None, texts: list[str] | None = None) -> None:
        """Open a call, or let the open one stand for one request more."""
        model = self._open.get(span_id)
        if model is not None:
            model.unanswered += 1
            model.started += 1
        elif not is_suppressed():
            call = calls().start(opening, parent=parent)
            claim(call)
            self._open.start(span_id, ModelCall(call, texts=[] if texts is None else texts))

    def chunk(self, span_id: str, response: Any, *, event_id: str) -> None:  # noqa: ANN401  the framework's door
        """Note a chunk of a stream; a second handler tells of it by the same event."""
        model = self._open.get(span_id)
        if model is None or model.told_by == event_id:
            return
        model.told_by, model.finishing, model.latest = event_id, model.latest, response
        call, piece = model.call, response.delta
        if piece:
            call.hear(piece)
        if call.first_chunk_s is None and (piece or has_content(response)):
            call.first_chunk()

    def end(self, span_id: str, response: Any) -> None:  # noqa: ANN401  the framework's door
        """End a generation with what it answered."""
        model = self._open.pop(span_id, None)
        if model is None:
            return
        call, read = model.call, nothing
        try:
            heard, asked = call.reported > 0, call.opening
            read = answer_reader(
                response, provider=asked.provider, model=asked.model, finishing=model.finishing, heard=heard
            )
        finally:
            call.stop_by(read)

    def answered(self, span_id: str, *, may_be_cached: bool, texts: Iterable[str] = ()) -> None:
        """Note the end of one request of embeddings or of a rerank; the last one ends the call."""
        model = self._open.get(span_id)
        if model is None:
            return
        model.texts += texts
        model.unanswered -= 1
        if model.unanswered == 0:
            self._open.pop(span_id, None)
            model.stop(may_be_cached=may_be_cached)

    def fail(self, span_id: str, error: BaseException) -> None:
        """End what is open in a span with an error; a closed stream or a cancelled task is none."""
        model = self._open.pop(span_id, None)
        if model is not None:
            model.fail(error)

    def leave(self, span_id: str, stream: Stream | None) -> None:
        """The span returned: with a stream the call stays open until that ends, otherwise it is over."""
        model = self._open.get(span_id)
        if model is None:
            return
        if stream is None:
            self._open.pop(span_id, None)
            model.call.stop()
        else:
            model.stream = weakref.ref(stream)
            hand_out(model.call, stream, abandoned=barrier(lambda: self.fail(span_id, GeneratorExit())))

    def end_streams(self) -> None:
        """End the calls of streams that went out without a word, while an error still holds on to them.

        LlamaIndex cannot tell the end of a completion that said nothing: its event takes no empty response.
        """
        for span_id, model in list(self._open.items()):
            if model.stream is not None and is_over(model.stream()):
                self.fail(span_id, GeneratorExit())

    def cancel_all(self) -> None:
        """End whatever is open."""
        for span_id in list(self._open):
            self.fail(span_id, GeneratorExit())

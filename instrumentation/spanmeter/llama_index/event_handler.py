"""The event handler: LlamaIndex tells by events what it asks of models."""

# ruff: noqa: ANN401  LlamaIndex fixes these signatures

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent

from spanmeter import anthropic_client, embeddings_client, openai_client
from spanmeter.asked import AskedTexts
from spanmeter.barrier import barrier
from spanmeter.budget.budgets import budgets
from spanmeter.capture import captures_content
from spanmeter.llama_index import gate, quote
from spanmeter.llama_index.asked import messages_asked, prompt_asked
from spanmeter.llama_index.message import Reader, prompt_of
from spanmeter.llama_index.open_spans import spans
from spanmeter.llama_index.response import model_opening, rerank_opening
from spanmeter.opening import Opening
from spanmeter.process import calls


class SpanmeterEventHandler(BaseEventHandler):
    """Turns LlamaIndex's model events into calls; goes with `SpanmeterSpanHandler`.

    Several handlers, or one beside `spanmeter.instrument()`, count an event once. Faults of its own never reach
    the application; LlamaIndex would swallow them in silence, here they are logged and counted.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        calls()
        budgets.tell(gate.follow)

    @classmethod
    def class_name(cls) -> str:
        """LlamaIndex's name for this class."""
        return "SpanmeterEventHandler"

    @barrier
    def handle(self, event: BaseEvent, **_: Any) -> None:
        """Take up an event that tells of a model; others are none of ours."""
        take_up = _EVENTS.get(type(event).__name__)
        if take_up is not None and event.span_id is not None:
            take_up(event, event.span_id)


def _start_chat(event: Any, span_id: str) -> None:
    anthropic_client.install()
    opening = _opening("chat", event, span_id, partial(prompt_of, event.messages, event.additional_kwargs))
    opening.asked = messages_asked(_whom(opening), event, spans.instance(span_id))
    if captures_content():
        opening.quote = quote.messages_asked(event.messages, event.additional_kwargs)
    _start(event, span_id, opening)


def _start_completion(event: Any, span_id: str) -> None:
    opening = _opening("text_completion", event, span_id, partial(_alone, event.prompt))
    opening.asked = prompt_asked(_whom(opening), event, spans.instance(span_id))
    if captures_content():
        opening.quote = quote.prompt_asked(event.prompt)
    _start(event, span_id, opening)


def _start_embeddings(event: Any, span_id: str) -> None:
    texts: list[str] = []
    openai_client.install()
    embeddings_client.install()
    opening = _opening("embeddings", event, span_id, texts.copy)
    opening.asked = AskedTexts(f"{_whom(opening)} {_dimensions(span_id)}", texts.copy)
    _start(event, span_id, opening, texts=texts)


def _start_rerank(event: Any, span_id: str) -> None:
    embeddings_client.install()
    _start(event, span_id, rerank_opening(event.model_name, spans.instance(span_id)))


def _start(event: Any, span_id: str, opening: Opening, *, texts: list[str] | None = None) -> None:
    if not _is_repeated(event):
        spans.models.start(span_id, opening, parent=spans.call(span_id), texts=texts)


def _opening(operation: str, event: Any, span_id: str, prompt: Reader) -> Opening:
    return model_opening(operation, event.model_dict, spans.instance(span_id), prompt=prompt)


def _dimensions(span_id: str) -> object:
    return getattr(spans.instance(span_id), "dimensions", None)


def _whom(opening: Opening) -> str:
    return f"{opening.operation} {opening.provider} {opening.model}"


def _alone(prompt: str) -> list[str]:
    return [prompt]


def _chunk(event: Any, span_id: str) -> None:
    spans.models.chunk(span_id, event.response, event_id=event.id_)


def _end(event: Any, span_id: str) -> None:
    spans.models.end(span_id, event.response)


def _embedded(event: Any, span_id: str) -> None:
    cache = getattr(spans.instance(span_id), "embeddings_cache", None)
    if not _is_repeated(event):
        spans.models.answered(span_id, may_be_cached=cache is not None, texts=event.chunks)


def _reranked(event: Any, span_id: str) -> None:
    if not _is_repeated(event):
        spans.models.answered(span_id, may_be_cached=False)


def _fail(event: Any, span_id: str) -> None:
    spans.models.fail(span_id, event.exception)


def _cancel(_: Any, span_id: str) -> None:
    spans.drop(span_id, GeneratorExit())


def _is_repeated(event: Any) -> bool:
    # Handlers are called one after the other with one event, in one thread.
    repeated: bool = event.id_ == getattr(_latest, "id", None)
    _latest.id = event.id_
    return repeated


_latest: Final = threading.local()
_EVENTS: Final[Mapping[str, Callable[[Any, str], None]]] = {
    "LLMChatStartEvent": _start_chat,
    "LLMChatInProgressEvent": _chunk,
    "LLMChatEndEvent": _end,
    "LLMCompletionStartEvent": _start_completion,
    "LLMCompletionInProgressEvent": _chunk,
    "LLMCompletionEndEvent": _end,
    "EmbeddingStartEvent": _start_embeddings,
    "EmbeddingEndEvent": _embedded,
    "SparseEmbeddingStartEvent": _start_embeddings,
    "SparseEmbeddingEndEvent": _embedded,
    "ReRankStartEvent": _start_rerank,
    "ReRankEndEvent": _reranked,
    "ExceptionEvent": _fail,
    "SpanCancelledEvent": _cancel,
}

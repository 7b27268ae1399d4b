"""The handlers at LlamaIndex's door: however they are added, whatever is told twice, wrongly or never ends."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMChatStartEvent
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from opentelemetry import context

from spanmeter import llama_index as adapter
from spanmeter.llama_index import SpanmeterEventHandler, SpanmeterSpanHandler
from spanmeter.llama_index.open_spans import spans

QUESTION = [ChatMessage(content="What is a closure?")]
TOOL = FunctionTool.from_defaults(len, name="count")
NO_ARGUMENTS = inspect.signature(lambda: None).bind()
IDS = [f"FunctionTool.call-{number * 36}" for number in "012"]


@pytest.fixture
def handler() -> SpanmeterSpanHandler:
    return SpanmeterSpanHandler()


def enter(handler: SpanmeterSpanHandler, span_id: str, parent: str | None = None) -> None:
    handler.span_enter(span_id, NO_ARGUMENTS, instance=TOOL, parent_id=parent)


def leave(handler: SpanmeterSpanHandler, span_id: str) -> None:
    handler.span_exit(span_id, NO_ARGUMENTS, instance=TOOL, result=None)


def test_a_span_entered_twice_is_one(seen: Any, handler: SpanmeterSpanHandler) -> None:
    for _ in range(2):
        enter(handler, IDS[0])
    leave(handler, IDS[0])
    leave(handler, IDS[0])
    assert seen.outline() == ["execute_tool count"]


def test_an_id_that_comes_again_is_another_span(seen: Any, handler: SpanmeterSpanHandler) -> None:
    for _ in range(2):
        enter(handler, IDS[0])
        leave(handler, IDS[0])
    assert seen.outline() == ["execute_tool count"] * 2


def test_what_was_never_entered_ends_in_silence(seen: Any, handler: SpanmeterSpanHandler) -> None:
    leave(handler, IDS[0])
    handler.span_drop(IDS[0], NO_ARGUMENTS, instance=TOOL, err=ValueError())
    assert seen.all == []


def test_a_dropped_span_without_an_error_is_one_that_failed(seen: Any, handler: SpanmeterSpanHandler) -> None:
    enter(handler, IDS[0])
    handler.span_drop(IDS[0], NO_ARGUMENTS, instance=TOOL, err=None)
    assert seen.outline() == ["execute_tool count (RuntimeError)"]


def test_an_id_of_another_form_is_no_span_of_ours(seen: Any, handler: SpanmeterSpanHandler) -> None:
    enter(handler, "mine")
    leave(handler, "mine")
    assert seen.all == []


def test_a_span_that_is_silent_for_too_long_ends_as_cancelled(
    seen: Any, handler: SpanmeterSpanHandler, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(handler, IDS[0])
    now = spans._open._clock()
    monkeypatch.setattr(spans._open, "_clock", lambda: now + 3_700)
    monkeypatch.setattr(spans._open, "_sweep_at_s", 0.0)
    enter(handler, IDS[1])
    leave(handler, IDS[1])
    assert seen.outline() == ["execute_tool count (cancelled)", "  execute_tool count"]


def test_many_queries_leave_nothing(seen: Any, index: VectorStoreIndex, chat_model: OpenAI) -> None:
    engine = index.as_query_engine(llm=chat_model)
    for _ in range(20):
        engine.query("q")
    assert (len(spans._open), len(spans.models._open)) == (0, 0)
    assert seen.traces() == 20


def test_suppressed_instrumentation_leaves_no_trace(seen: Any, index: VectorStoreIndex, chat_model: OpenAI) -> None:
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
    index.as_query_engine(llm=chat_model).query("q")
    context.detach(token)
    assert seen.all == []


def test_a_subclass_of_the_applications_own_may_look_on(seen: Any, billed: Any, chat_model: OpenAI) -> None:
    class Watching(SpanmeterSpanHandler):
        entered: int = 0

        def new_span(self, *args: Any, **options: Any) -> None:
            self.entered += 1
            super().new_span(*args, **options)

    adapter.remove()
    watching = Watching()
    get_dispatcher().add_span_handler(watching)
    get_dispatcher().add_event_handler(SpanmeterEventHandler())
    chat_model.chat(QUESTION)
    assert (watching.entered, seen.outline(), seen.totals()) == (1, ["chat gpt-4o-mini"], billed())


def test_the_handlers_alone_hear_what_embeddings_used(seen: Any, billed: Any, embedder: Any) -> None:
    adapter.remove()
    get_dispatcher().add_span_handler(SpanmeterSpanHandler())
    get_dispatcher().add_event_handler(SpanmeterEventHandler())
    embedder.get_text_embedding_batch(["a", "b", "c"])
    assert seen.totals() == billed()


def test_events_without_a_span_are_not_ours_to_tell(seen: Any) -> None:
    get_dispatcher("tests").event(LLMChatStartEvent(messages=QUESTION, additional_kwargs={}, model_dict={}))
    get_dispatcher("tests").event(LLMChatEndEvent(messages=QUESTION, response=None))
    assert seen.all == []


def test_requests_that_are_told_in_turn_in_one_span_are_a_call_each(seen: Any) -> None:
    dispatcher = get_dispatcher("tests")

    @dispatcher.span
    def embed() -> None:
        for number in range(3):
            dispatcher.event(EmbeddingStartEvent(model_dict={"model_name": "own"}))
            dispatcher.event(EmbeddingEndEvent(chunks=[str(number)], embeddings=[[0.1]]))

    embed()
    assert seen.outline() == ["embeddings own"] * 3
    assert seen.totals()[0] == 3


def test_an_end_without_a_start_tells_nothing(seen: Any) -> None:
    dispatcher = get_dispatcher("tests")

    @dispatcher.span
    def embed() -> None:
        dispatcher.event(EmbeddingEndEvent(chunks=["a"], embeddings=[[0.1]]))

    embed()
    assert seen.all == []

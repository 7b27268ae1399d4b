"""Whatever frameworks tell us, and in whatever order, there is no fault and no negative number."""

from __future__ import annotations

import itertools
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.runnables import RunnableLambda
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMChatStartEvent

import spanmeter
from spanmeter import semconv
from spanmeter.langchain import SpanmeterCallbackHandler
from spanmeter.langchain.runs import runs
from spanmeter.llama_index import SpanmeterEventHandler, SpanmeterSpanHandler


class Exploding:
    """Cannot be spelled, compared or counted."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __bool__ = __len__ = __eq__ = __str__  # type: ignore[assignment]
    __hash__ = object.__hash__


@pytest.fixture
def handler(instrumented: Any) -> Iterator[SpanmeterCallbackHandler]:
    del instrumented
    yield SpanmeterCallbackHandler()
    assert runs._open == {}


def answered(run_id: uuid.UUID | None = None, **message: Any) -> LLMResult:
    """A model's answer; LangChain names the run in it that made it."""
    return LLMResult(generations=[[ChatGeneration(message=AIMessage("b", id=f"lc_run--{run_id}-0", **message))]])


METADATA: dict[str, Any] = {
    "exploding value": {"ls_provider": Exploding(), "thread_id": 1},
    "exploding name": {"ls_model_name": Exploding()},
    "exploding thread": {"thread_id": Exploding()},
    "keys that are no text": {1: 2, None: 3, (4,): 5},
    "none": None,
    "values of none": {"ls_provider": None, "ls_model_name": None, "thread_id": None, "langgraph_node": None},
    "nested": {"ls_provider": {"a": [1]}, "thread_id": [object()]},
}


@pytest.mark.parametrize("metadata", METADATA.values(), ids=METADATA)
def test_a_call_with_broken_metadata_is_spared(metadata: Any, handler: Any, hushed: Callable[[], int]) -> None:
    run_id = uuid.uuid4()
    handler.on_chat_model_start({}, [[HumanMessage("a")]], run_id=run_id, metadata=metadata)
    handler.on_llm_end(answered(run_id), run_id=run_id)

    assert hushed() <= 1


SERIALIZED: dict[str, Any] = {
    "none": None,
    "empty": {},
    "no name": {"id": []},
    "nonsense": {"kwargs": None, "id": None},
}


@pytest.mark.parametrize("serialized", SERIALIZED.values(), ids=SERIALIZED)
@pytest.mark.parametrize("start", ["on_chat_model_start", "on_llm_start", "on_tool_start", "on_chain_start"])
def test_what_is_not_described_is_counted_all_the_same(serialized: Any, start: str, handler: Any) -> None:
    run_id = uuid.uuid4()
    getattr(handler, start)(serialized, [], run_id=run_id)
    assert runs.call(run_id) is not None
    runs.cancel(run_id)


USAGE: dict[str, Any] = {
    "negative": {"input_tokens": -5, "output_tokens": -1, "total_tokens": -6},
    "contradicting": {"input_tokens": 5, "output_tokens": 1, "total_tokens": 100},
    "more cached than read": {
        "input_tokens": 5,
        "output_tokens": 1,
        "total_tokens": 6,
        "input_token_details": {"cache_read": 50, "audio": -3},
        "output_token_details": {"reasoning": 20},
    },
    "huge": {"input_tokens": 10**15, "output_tokens": 1, "total_tokens": 10**15 + 1},
}


@pytest.mark.parametrize("usage", USAGE.values(), ids=USAGE)
def test_usage_that_cannot_be_is_never_negative(usage: Any, handler: Any, instrumented: Any) -> None:
    run_id = uuid.uuid4()
    with spanmeter.measure() as bill:
        handler.on_chat_model_start({}, [[HumanMessage("a")]], run_id=run_id, metadata={"ls_model_name": "gpt-5"})
        handler.on_llm_end(answered(run_id, usage_metadata=usage), run_id=run_id)

    counts: list[int] = [
        value for value in instrumented.one("chat gpt-5").attributes.values() if isinstance(value, int)
    ]
    assert all(count >= 0 for count in [bill.input_tokens, bill.output_tokens, *counts])
    assert bill.priced_usd >= 0
    assert bill.calls == 1


RESULTS: dict[str, LLMResult] = {
    "no generations": LLMResult(generations=[]),
    "an empty prompt": LLMResult(generations=[[]]),
    "text alone": LLMResult(generations=[[Generation(text="b")]], llm_output={"token_usage": None}),
    "odd content": LLMResult(generations=[[Generation(text="", generation_info={"finish_reason": [None]})]]),
    "broken usage": LLMResult(generations=[[Generation(text="b")]], llm_output={"token_usage": {"prompt_tokens": "x"}}),
}


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_an_empty_or_odd_answer_ends_its_call(result: LLMResult, handler: Any, instrumented: Any) -> None:
    run_id = uuid.uuid4()
    with spanmeter.measure() as bill:
        handler.on_chat_model_start({}, [[HumanMessage([{"type": "image_url", "image_url": "x"}])]], run_id=run_id)
        handler.on_llm_end(result, run_id=run_id)

    assert (bill.calls, len(instrumented.finished)) == (1, 1)


def test_ends_without_starts_and_starts_without_ends_are_taken(handler: Any, instrumented: Any) -> None:
    unknown, twice = uuid.uuid4(), uuid.uuid4()
    handler.on_llm_end(answered(), run_id=unknown)
    handler.on_llm_error(ValueError(), run_id=unknown)
    handler.on_llm_new_token("a", run_id=unknown)
    handler.on_chain_end({}, run_id=unknown)
    handler.on_tool_error(ValueError(), run_id=unknown)
    handler.on_retriever_end([], run_id=unknown)
    for _ in range(2):
        handler.on_chat_model_start({}, [[]], run_id=twice, parent_run_id=unknown)
    for _ in range(2):
        handler.on_llm_end(answered(), run_id=twice)
    assert len(instrumented.finished) == 1

    handler.on_chat_model_start({}, [[]], run_id=twice)
    handler.on_llm_end(answered(), run_id=twice)
    assert len(instrumented.finished) == 2


@pytest.mark.parametrize("kind", [SpanmeterCallbackHandler, SpanmeterEventHandler, SpanmeterSpanHandler])
def test_hooks_called_with_nothing_are_faults_like_any_other(kind: Any, hushed: Callable[[], int]) -> None:
    handler = kind()
    names = [name for name in vars(kind) if name.startswith(("on_", "handle", "new_span", "prepare_to"))]
    assert [getattr(handler, name)() for name in names] == [None] * len(names)
    assert hushed() == len(names)


@pytest.mark.parametrize(
    "raw",
    [None, "text", [], {}, {"usage": None}, {"usage": "x"}, {"usage": {"prompt_tokens": -1}}, {"usage": [1]}, object()],
    ids=lambda raw: "object" if type(raw) is object else repr(raw),
)
def test_llama_index_answers_of_any_shape_end_their_call(raw: Any, instrumented: Any) -> None:
    spans, events = SpanmeterSpanHandler(), SpanmeterEventHandler()
    span_id = f"OpenAI.chat-{uuid.uuid4()}"
    spans.new_span(span_id, None)  # type: ignore[arg-type]
    said: dict[str, Any] = {"messages": [ChatMessage("a")], "additional_kwargs": {}, "model_dict": {"model": None}}
    events.handle(LLMChatStartEvent(**said, span_id=span_id))
    response = ChatResponse(message=ChatMessage("b"), raw=raw)
    with spanmeter.measure():
        events.handle(LLMChatEndEvent(messages=[], response=response, span_id=span_id))
    spans.prepare_to_exit_span(span_id, None)  # type: ignore[arg-type]

    (span,) = instrumented.finished
    assert all(value >= 0 for value in (span.attributes or {}).values() if isinstance(value, int))


def test_ten_megabytes_of_prompt_are_not_read_on_the_way(instrumented: Any) -> None:
    model = GenericFakeChatModel(messages=itertools.repeat(AIMessage("b")))
    prompt = "word " * 2_000_000
    assert model.invoke(prompt).content == "b"
    instrumented.tracer_provider.force_flush()

    attributes = instrumented.named("chat GenericFakeChatModel")[-1].attributes
    assert sum(len(str(value)) for value in attributes.values()) < 1_000


def test_chains_nested_as_deep_as_python_allows_are_measured(instrumented: Any) -> None:
    def deeper(depth: int) -> int:
        return depth if depth == 0 else RunnableLambda(deeper).invoke(depth - 1)

    before = sys.getrecursionlimit()
    assert RunnableLambda(deeper).invoke(12) == 0
    assert sys.getrecursionlimit() == before
    assert len(instrumented.finished) == 13

    def endless(depth: int) -> int:
        return RunnableLambda(endless).invoke(depth + 1)

    with pytest.raises(RecursionError):
        RunnableLambda(endless).invoke(0)
    assert runs._open == {}


def test_a_context_that_cannot_be_spelled_stamps_nothing(hushed: Callable[[], int], instrumented: Any) -> None:
    with spanmeter.context(user="u", odd=Exploding()):  # type: ignore[arg-type]
        RunnableLambda(lambda given: given).invoke(1)

    assert semconv.USER_ID not in instrumented.finished[0].attributes
    assert hushed() == 1

"""Many calls leave as little behind as few; the benchmark of the same asks a hundred thousand."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import ollama  # noqa: F401  a client whose methods are looked for at every embedding
import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from llama_index.core import MockEmbedding
from llama_index.core.llms import MockLLM

import spanmeter
from spanmeter.langchain.runs import runs
from spanmeter.llama_index.open_spans import spans

CALLS = 100
ROUNDS = 4
"""What a call leaves behind grows in every round; the room that queues keep for themselves in one or two of them."""
OURS = str(Path(spanmeter.__file__).parent / "*")


class Endless:
    """An iterator of answers that keeps none."""

    def __iter__(self) -> Iterator[AIMessage]:
        return self

    def __next__(self) -> AIMessage:
        return AIMessage("two words")


@tool
def double(number: int) -> int:
    """Double a number."""
    return number * 2


def chat() -> Callable[[], object]:
    model = GenericFakeChatModel(messages=Endless())
    return lambda: model.invoke("a")


def streamed() -> Callable[[], object]:
    model = GenericFakeChatModel(messages=Endless())
    return lambda: list(model.stream("a"))


def left() -> Callable[[], object]:
    model = GenericFakeChatModel(messages=Endless())
    return lambda: next(iter(model.stream("a")))


def cancelled() -> Callable[[], object]:
    async def wait(_: Any) -> None:
        await asyncio.sleep(10)

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(RunnableLambda(wait).ainvoke(1), 0.001)

    return lambda: asyncio.run(give_up())


def failing() -> Callable[[], object]:
    def fail(_: Any) -> None:
        raise ZeroDivisionError

    def invoke() -> None:
        with pytest.raises(ZeroDivisionError):
            RunnableLambda(fail).invoke(1)

    return invoke


def tracked() -> Callable[[], object]:
    @spanmeter.track("tracked")
    def act() -> None:
        with spanmeter.context(user="u"), spanmeter.measure():
            pass

    return act


def embedded() -> Callable[[], object]:
    model = DeterministicFakeEmbedding(size=2)
    return lambda: model.embed_query("a")


def embedded_by_llama_index() -> Callable[[], object]:
    model = MockEmbedding(2)
    return lambda: model.get_text_embedding("a")


def queried() -> Callable[[], object]:
    model = MockLLM(max_tokens=2)
    return lambda: [str(model.complete("a")), [str(chunk) for chunk in model.stream_complete("b")]]


def never_iterated() -> Callable[[], object]:
    model = MockLLM(max_tokens=2)
    return lambda: model.stream_complete("a") and None


Kind = Callable[[], Callable[[], object]]
KINDS: dict[str, Kind] = {
    "chat": chat,
    "streamed": streamed,
    "streams left early": left,
    "cancelled": cancelled,
    "failing": failing,
    "tools": lambda: lambda: double.invoke({"number": 1}),
    "embeddings": embedded,
    "tracked": tracked,
    "LlamaIndex queries": queried,
    "LlamaIndex streams never iterated": never_iterated,
    "LlamaIndex embeddings": embedded_by_llama_index,
}


def held_by_us() -> int:
    """Bytes that code of ours allocated and that are still there."""
    gc.collect()
    taken = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, OURS, all_frames=False)])
    return sum(statistic.size for statistic in taken.statistics("filename"))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_round_after_round_of_calls_leaves_no_more(kind: Kind, instrumented: Any) -> None:
    call = kind()

    def make(calls: int) -> None:
        for _ in range(calls):
            call()
        instrumented.tracer_provider.force_flush()
        instrumented.exporter.clear()
        spanmeter.summary(reset=True)  # its buckets are bounded, and come one by one as durations differ

    make(CALLS)  # prices and an encoding are read, and queues get their room
    gc.collect()
    tracemalloc.start(1)
    try:
        held = []
        for _ in range(ROUNDS):
            make(CALLS)
            held.append(held_by_us())
    finally:
        tracemalloc.stop()

    assert min(later - earlier for earlier, later in pairwise(held)) < CALLS * 8, held
    assert (runs._open, spans._open, spans.models._open) == ({}, {}, {})

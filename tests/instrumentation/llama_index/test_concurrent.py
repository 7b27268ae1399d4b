"""Many requests at once, in threads and in tasks, answered and refused: a trace each, whole and counted."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import openai
import pytest
from llama_index.core import SummaryIndex
from llama_index.core.base.response.schema import AsyncStreamingResponse
from llama_index.core.schema import TextNode
from llama_index.llms.openai import OpenAI

REQUESTS = 8


@pytest.fixture(params=[False, True], ids=["whole", "streaming"])
def engine(request: pytest.FixtureRequest, chat_model: OpenAI) -> Any:
    index = SummaryIndex(nodes=[TextNode(text="one"), TextNode(text="two")])
    return index.as_query_engine(llm=chat_model, streaming=request.param)


@pytest.fixture(params=["", " (BadRequestError)"], ids=["answered", "refused"])
def error(request: pytest.FixtureRequest, provider: Any) -> str:
    """How failed spans are marked; the provider answers accordingly."""
    provider.fail_next = [400] * (REQUESTS if request.param else 0)
    return str(request.param)


def told(error: str) -> list[str]:
    return [
        f"query RetrieverQueryEngine{error}",
        "  retrieval SummaryIndexRetriever",
        f"  synthesize CompactAndRefine{error}",
        f"    chat gpt-4o-mini{error}",
    ]


def ask(engine: Any) -> None:
    with contextlib.suppress(openai.BadRequestError):
        str(engine.query("q"))


async def ask_in_a_task(engine: Any) -> None:
    with contextlib.suppress(openai.BadRequestError):
        response = await engine.aquery("q")
        if isinstance(response, AsyncStreamingResponse):
            await response.get_response()


def test_threads_with_copied_contexts_each_tell_a_trace(error: str, seen: Any, billed: Any, engine: Any) -> None:
    with ThreadPoolExecutor() as threads:
        for _ in range(REQUESTS):
            threads.submit(copy_context().run, ask, engine)
    assert seen.traces() == REQUESTS
    assert Counter(seen.outline()) == Counter(told(error) * REQUESTS)
    assert seen.totals() == billed()


async def test_tasks_each_tell_a_trace(error: str, seen: Any, billed: Any, engine: Any) -> None:
    await asyncio.gather(*(ask_in_a_task(engine) for _ in range(REQUESTS)))
    gc.collect()
    assert seen.traces() == REQUESTS
    assert Counter(seen.outline()) == Counter(told(error) * REQUESTS)
    assert seen.totals() == billed()


def test_threads_without_a_context_tell_traces_of_their_own(seen: Any, billed: Any, engine: Any) -> None:
    with seen.tracer.start_as_current_span("request"), ThreadPoolExecutor() as threads:
        for _ in range(2):
            threads.submit(ask, engine)
    assert seen.traces() == 3
    assert seen.totals() == billed()

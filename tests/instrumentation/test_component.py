"""`summary` tells of each component what its spans tell, across frameworks, sampled or not."""

from __future__ import annotations

import asyncio
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from llama_index.core.llms import ChatMessage
from llama_index.llms.langchain import LangChainLLM  # type: ignore[import-untyped]
from llama_index.llms.openai import OpenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from pydantic import SecretStr

import spanmeter
from spanmeter import semconv
from spanmeter.component import MAX_COMPONENTS, Component, Components, Summary
from spanmeter.sketch import ERROR

CHAT = "chat gpt-4o-mini"


@pytest.fixture(autouse=True)
def _anew() -> None:
    spanmeter.summary(reset=True)


def langchain_model(provider: Any, **options: Any) -> ChatOpenAI:
    url = f"{provider.url}/v1"
    return ChatOpenAI(model="gpt-4o-mini", base_url=url, api_key=SecretStr("none"), max_retries=0, **options)


def llama_index_model(provider: Any) -> OpenAI:
    return OpenAI(model="gpt-4o-mini", api_base=f"{provider.url}/v1", api_key="none", max_retries=0)


@spanmeter.track("rank")
def rank() -> None:
    time.sleep(0.001)


@spanmeter.track("rank")
async def rank_later() -> None:
    await asyncio.sleep(0.001)


@spanmeter.track("pages")
def pages() -> Iterator[int]:
    yield from (1, 2)


@spanmeter.track("later pages")
async def later_pages() -> AsyncIterator[int]:
    yield 1


def counts(summary: Summary) -> dict[str, tuple[str, tuple[str, ...], int, int]]:
    return {row.name: (row.operation, row.frameworks, row.count, row.failed) for row in summary}


async def test_both_frameworks_and_tracked_functions_are_counted_sync_and_async(
    instrumented: Any, provider: Any
) -> None:
    chain = RunnableLambda(lambda text: text, name="prepare") | langchain_model(provider)
    message = [ChatMessage(content="hello")]
    chain.invoke("hello")
    await chain.ainvoke("hello")
    llama_index_model(provider).chat(message)
    await llama_index_model(provider).achat(message)
    rank()
    await rank_later()
    assert list(pages()) == [1, 2]
    assert [page async for page in later_pages()] == [1]

    assert counts(spanmeter.summary()) == {
        "chain RunnableSequence": ("chain", ("langchain",), 2, 0),
        "chain prepare": ("chain", ("langchain",), 2, 0),
        CHAT: ("chat", ("langchain", "llama_index"), 4, 0),
        "rank": ("track", (), 2, 0),
        "pages": ("track", (), 1, 0),
        "later pages": ("track", (), 1, 0),
    }
    assert instrumented.finished


def test_durations_are_those_of_the_spans(instrumented: Any, provider: Any) -> None:
    for _ in range(5):
        langchain_model(provider).invoke("hello")
        rank()
    summary = spanmeter.summary()

    spans = defaultdict(list)
    for span in instrumented.finished:
        spans[span.name].append((span.end_time - span.start_time) / 1e9)
    for row in summary:
        # The span's clock is read just before and after ours.
        assert row.total_s == pytest.approx(math.fsum(spans[row.name]), rel=0.2)
        assert row.max_s == pytest.approx(max(spans[row.name]), rel=0.2)
        assert row.mean_s == row.total_s / 5
        assert row.p50_s <= row.p95_s <= row.p99_s <= row.max_s
        assert row.p99_s == pytest.approx(row.max_s, rel=ERROR)


def test_failures_are_counted_and_measured(instrumented: Any, provider: Any) -> None:
    provider.fail_next = [429]
    with pytest.raises(openai.RateLimitError):
        langchain_model(provider).invoke("hello")

    assert counts(spanmeter.summary()) == {CHAT: ("chat", ("langchain",), 1, 1)}
    assert instrumented.one(CHAT).attributes[semconv.ERROR_TYPE] == "RateLimitError"


@pytest.mark.usefixtures("instrumented")
def test_an_answer_from_the_cache_is_a_component_of_its_own(provider: Any) -> None:
    model = langchain_model(provider, cache=InMemoryCache())
    model.invoke("hello")
    model.invoke("hello")

    assert counts(spanmeter.summary()) == {
        CHAT: ("chat", ("langchain",), 1, 0),
        f"{CHAT} (cached)": ("chat", ("langchain",), 1, 0),
    }


def test_unsampled_spans_count_too(provider: Any) -> None:
    spanmeter.instrument(endpoint=provider.url, tracer_provider=TracerProvider(ALWAYS_OFF, shutdown_on_exit=False))
    try:
        langchain_model(provider).invoke("hello")
        rank()
    finally:
        spanmeter.uninstrument()

    assert counts(spanmeter.summary()) == {CHAT: ("chat", ("langchain",), 1, 0), "rank": ("track", (), 1, 0)}


@pytest.mark.filterwarnings("ignore:The `schema` method:DeprecationWarning")
def test_a_wrapper_is_left_out(instrumented: Any, provider: Any) -> None:
    LangChainLLM(llm=langchain_model(provider)).chat([ChatMessage(content="hello")])

    wrappers = [span.name for span in instrumented.finished if span.attributes.get(semconv.WRAPPER)]
    assert (wrappers, len(instrumented.named(CHAT))) == (["chat"], 1)
    assert counts(spanmeter.summary()) == {CHAT: ("chat", ("langchain",), 1, 0)}


def test_reset_begins_anew() -> None:
    rank()
    assert [row.count for row in spanmeter.summary(reset=True)] == [1]
    assert len(spanmeter.summary()) == 0


def test_names_made_at_run_time_share_a_row_beyond_the_bound() -> None:
    components = Components()
    for number in range(MAX_COMPONENTS + 30):
        components.add(("", "track", f"job {number}"), 1.0, failed=False)

    summary = components.read(reset=False)
    assert len(summary) == MAX_COMPONENTS + 1
    assert summary.rows[0].name == "(other)"
    assert (summary.rows[0].count, sum(row.count for row in summary)) == (30, MAX_COMPONENTS + 30)


def test_threads_lose_nothing() -> None:
    components = Components()

    def work() -> None:
        for _ in range(2_000):
            components.add(("", "track", "work"), 0.5, failed=False)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [(row.count, row.total_s) for row in components.read(reset=False)] == [(8_000, 4_000.0)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_begins_with_nothing() -> None:
    components = Components()
    components.add(("", "track", "work"), 0.5, failed=False)
    child = os.fork()
    if child == 0:
        os._exit(len(components.read(reset=False)))

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(components.read(reset=False)) == 1


def measured(*durations: tuple[str, float]) -> Summary:
    components = Components()
    for name, seconds in durations:
        components.add(("langchain", "chat", name), seconds, failed=False)
    return components.read(reset=False)


def test_a_summary_prints_as_a_table() -> None:
    told = str(measured(("chat gpt-4o", 2.5), ("chat gpt-4o", 1.5), ("chat o3", 0.012), ("chat o4", 0.000_02)))

    assert told == (
        "component    operation  frameworks  count  failed    total     mean      p50      p95      p99      max\n"
        "chat gpt-4o  chat       langchain       2       0    4.0 s    2.0 s    1.5 s    2.5 s    2.5 s    2.5 s\n"
        "chat o3      chat       langchain       1       0  12.0 ms  12.0 ms  12.0 ms  12.0 ms  12.0 ms  12.0 ms\n"
        "chat o4      chat       langchain       1       0  20.0 us  20.0 us  20.0 us  20.0 us  20.0 us  20.0 us"
    )
    assert str(measured()) == repr(measured()) == "Nothing has run yet."


def test_rows_are_found_by_name_and_told_as_dictionaries() -> None:
    summary = measured(("chat gpt-4o", 2.0))

    row = Component("chat gpt-4o", "chat", ("langchain",), 1, 0, *[2.0] * 6)
    assert (summary.component("chat gpt-4o"), summary.component("chat o3")) == (row, None)
    assert summary.as_dicts() == [
        {
            "name": "chat gpt-4o",
            "operation": "chat",
            "frameworks": ("langchain",),
            "count": 1,
            "failed": 0,
            **dict.fromkeys(("total_s", "mean_s", "p50_s", "p95_s", "p99_s", "max_s"), 2.0),
        }
    ]

"""Every way to run a LangChain model, tool, retriever or chain is counted once, under the right parent."""

# ruff: noqa: ARG002  the signatures are LangChain's
from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from decimal import Decimal
from typing import Any, cast

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    BaseCallbackHandler,
    CallbackManagerForLLMRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers import context
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai.resources import embeddings as openai_embeddings
from opentelemetry import context as otel_context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from pydantic import SecretStr

import spanmeter
from spanmeter import semconv
from spanmeter.current import parent_hints
from spanmeter.langchain import SpanmeterCallbackHandler
from spanmeter.process import calls


def model(provider: Any, **options: Any) -> ChatOpenAI:
    given = {"model": "gpt-5", "max_retries": 0, "stream_usage": True, **options}
    return ChatOpenAI(base_url=f"{provider.url}/v1", api_key=SecretStr("none"), **given)


def chain(provider: Any, **options: Any) -> Runnable[Any, Any]:
    return RunnableLambda(lambda text: text, name="prepare") | model(provider, **options)


@contextlib.contextmanager
def suppress_instrumentation() -> Iterator[None]:
    token = otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, value=True))
    yield
    otel_context.detach(token)


def record(spans: Any) -> dict[str, int]:
    return {
        "calls": len(spans.calls()),
        "input_tokens": spans.total(semconv.INPUT_TOKENS),
        "output_tokens": spans.total(semconv.OUTPUT_TOKENS),
    }


def truth(provider: Any) -> dict[str, int]:
    return {
        "calls": provider.calls,
        "input_tokens": provider.input_tokens,
        "output_tokens": provider.output_tokens,
    }


async def drain(stream: Any) -> None:
    async for _ in stream:
        pass


SYNC: dict[str, Callable[[Runnable[Any, Any]], Any]] = {
    "invoke": lambda runnable: runnable.invoke("a"),
    "stream": lambda runnable: list(runnable.stream("a")),
    "batch": lambda runnable: runnable.batch(["a", "b", "c"]),
}
ASYNC: dict[str, Callable[[Runnable[Any, Any]], Any]] = {
    "ainvoke": lambda runnable: runnable.ainvoke("a"),
    "astream": lambda runnable: drain(runnable.astream("a")),
    "abatch": lambda runnable: runnable.abatch(["a", "b", "c"]),
    "astream_events": lambda runnable: drain(runnable.astream_events("a", version="v2")),
}


@pytest.mark.parametrize("way", SYNC)
def test_a_chain_run_in_a_plain_thread_counts_what_the_provider_counts(
    way: str, provider: Any, instrumented: Any
) -> None:
    SYNC[way](chain(provider))

    assert record(instrumented) == truth(provider)
    assert {instrumented.path(span)[1] for span in instrumented.named("chat gpt-5")} == {"chain RunnableSequence"}
    assert instrumented.traces() == provider.calls


@pytest.mark.parametrize("way", ASYNC)
async def test_a_chain_run_in_a_task_counts_what_the_provider_counts(
    way: str, provider: Any, instrumented: Any
) -> None:
    await ASYNC[way](chain(provider))

    assert record(instrumented) == truth(provider)
    assert instrumented.traces() == provider.calls


def test_a_chat_span_says_what_was_asked_answered_used_and_spent(provider: Any, instrumented: Any) -> None:
    model(provider).invoke("a")

    said = dict(instrumented.one("chat gpt-5").attributes)
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5-2025-08-07",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 8,
        "openai.response.service_tier": "default",
        "server.address": "127.0.0.1",
        "server.port": int(provider.url.rpartition(":")[2]),
        "spanmeter.framework": "langchain",
        "spanmeter.usage.grade": "reported",
        "spanmeter.cost.grade": "computed",
        "spanmeter.cost.usd": said["spanmeter.cost.usd"],
    }
    million = Decimal(1_000_000)
    assert Decimal(said["spanmeter.cost.usd"]) == (36 * Decimal("1.25") + 64 * Decimal("0.125") + 20 * 10) / million


@pytest.mark.parametrize("stream_usage", [True, False])
def test_a_stream_has_a_time_to_its_first_token_with_and_without_usage(
    stream_usage: Any, provider: Any, instrumented: Any
) -> None:
    list(model(provider, stream_usage=stream_usage).stream("a"))

    span = instrumented.one("chat gpt-5")
    assert span.attributes[semconv.REQUEST_STREAM] is True
    assert 0 < span.attributes[semconv.TIME_TO_FIRST_CHUNK] < (span.end_time - span.start_time) / 1e9
    assert span.attributes[semconv.USAGE_GRADE] == ("reported" if stream_usage else "estimated")


def test_several_choices_of_one_request_are_paid_once(provider: Any, instrumented: Any) -> None:
    model(provider, n=3).generate([[HumanMessage("a")]])

    assert record(instrumented) == truth(provider) == {"calls": 1, "input_tokens": 100, "output_tokens": 20}


def test_prompts_of_one_generate_are_siblings(provider: Any, instrumented: Any) -> None:
    with instrumented.tracer_provider.get_tracer("app").start_as_current_span("request") as request:
        model(provider).generate([[HumanMessage("a")], [HumanMessage("b")]])

    parents = [span.parent.span_id for span in instrumented.named("chat gpt-5")]
    assert parents == [request.get_span_context().span_id] * 2
    assert record(instrumented) == truth(provider)


def test_runs_of_one_batch_are_siblings(provider: Any, instrumented: Any) -> None:
    with instrumented.tracer_provider.get_tracer("app").start_as_current_span("request") as request:
        chain(provider).batch(["a", "b"])

    parents = [span.parent.span_id for span in instrumented.named("chain RunnableSequence")]
    assert parents == [request.get_span_context().span_id] * 2


async def test_runs_after_each_other_in_one_task_are_siblings(provider: Any, instrumented: Any) -> None:
    runnable = chain(provider)
    with instrumented.tracer_provider.get_tracer("app").start_as_current_span("request") as request:
        await runnable.ainvoke("a")
        await runnable.ainvoke("b")

    parents = [span.parent.span_id for span in instrumented.named("chain RunnableSequence")]
    assert parents == [request.get_span_context().span_id] * 2


def test_a_span_of_the_application_between_two_runs_stays_between_them(provider: Any, instrumented: Any) -> None:
    tracer = instrumented.tracer_provider.get_tracer("app")

    def ask(text: str) -> Any:
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
            return model(provider).invoke(text)

    RunnableLambda(ask, name="ask").invoke("a")

    assert instrumented.path_of("chat gpt-5") == ["chat gpt-5", "inner", "outer", "chain ask"]


def test_a_failed_call_costs_nothing_and_names_the_providers_error(provider: Any, instrumented: Any) -> None:
    provider.fail_next = [429]

    with pytest.raises(Exception, match="429"):
        model(provider).invoke("a")

    span = instrumented.one("chat gpt-5")
    assert not span.status.is_ok
    assert span.attributes[semconv.ERROR_TYPE] == "RateLimitError"
    assert {semconv.INPUT_TOKENS, semconv.COST_USD}.isdisjoint(span.attributes)


def test_each_attempt_of_a_retried_call_has_its_span(provider: Any, instrumented: Any) -> None:
    provider.fail_next = [500, 500]

    model(provider).with_retry(stop_after_attempt=3, wait_exponential_jitter=False).invoke("a")

    assert len(instrumented.named("chat gpt-5")) == 3
    assert record(instrumented) == truth(provider)


def test_an_answer_from_the_cache_is_a_hit_and_no_call(provider: Any, instrumented: Any) -> None:
    cached = model(provider, cache=InMemoryCache())
    with spanmeter.measure() as bill:
        for _ in range(3):
            cached.invoke("a")

    assert record(instrumented) == truth(provider) == {"calls": 1, "input_tokens": 100, "output_tokens": 20}
    hits = [span.attributes.get(semconv.CACHE_HIT) for span in instrumented.named("chat gpt-5")]
    assert hits == [None, True, True]
    assert (bill.calls, bill.cache_hits, bill.input_tokens) == (1, 2, 100)


class Routing(BaseChatModel):
    """A model that asks another one."""

    inner: Any

    @property
    def _llm_type(self) -> str:
        return "routing"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.inner.invoke(messages))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self.inner.astream(messages):
            yield ChatGenerationChunk(message=chunk)


async def test_a_model_that_asks_another_one_is_a_wrapper(provider: Any, instrumented: Any) -> None:
    routing = Routing(inner=model(provider))
    routing.invoke("a")
    await routing.ainvoke("a")

    assert record(instrumented) == truth(provider) == {"calls": 2, "input_tokens": 200, "output_tokens": 40}
    wrappers = [span for span in instrumented.finished if span.attributes.get(semconv.WRAPPER)]
    assert len(wrappers) == 2
    assert instrumented.traces() == 2


def test_a_model_asked_while_another_streams_is_no_part_of_it(provider: Any, instrumented: Any) -> None:
    other = model(provider, model="gpt-5-mini")
    stream = model(provider).stream("a")
    next(stream)
    other.invoke("b")
    list(stream)

    assert [span.parent for span in instrumented.named("chat gpt-5-mini")] == [None]
    assert record(instrumented) == truth(provider)


def test_a_stream_closed_early_is_cancelled(provider: Any, instrumented: Any) -> None:
    with contextlib.closing(cast("Generator[Any]", chain(provider).stream("a"))) as stream:
        next(stream)

    assert instrumented.one("chat gpt-5").attributes[semconv.OUTCOME] == "cancelled"
    assert instrumented.calls() == []


async def test_a_model_that_streams_another_one_is_a_wrapper(provider: Any, instrumented: Any) -> None:
    await drain(Routing(inner=model(provider)).astream("a"))

    assert record(instrumented) == truth(provider)
    assert len([span for span in instrumented.finished if span.attributes.get(semconv.WRAPPER)]) == 1


def test_a_tool_is_named_and_what_it_asks_is_below_it(provider: Any, instrumented: Any) -> None:
    @tool
    def search(text: str) -> str:
        """Search."""
        return str(model(provider).invoke(text).content)

    search.invoke({"type": "tool_call", "id": "call_7", "name": "search", "args": {"text": "a"}})

    span = instrumented.one("execute_tool search")
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": "call_7",
        "spanmeter.framework": "langchain",
    }
    assert instrumented.path_of("chat gpt-5") == ["chat gpt-5", "execute_tool search"]


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        return [Document("a", metadata={"score": 0.25}), Document("b", metadata={"score": 0.75})]


async def test_a_retrieval_says_how_much_it_found_and_how_well(instrumented: Any) -> None:
    await Shelf().ainvoke("a")

    assert dict(instrumented.one("retrieval Shelf").attributes) == {
        "gen_ai.operation.name": "retrieval",
        "spanmeter.framework": "langchain",
        "spanmeter.retrieval.document_count": 2,
        "spanmeter.retrieval.document_bytes": "1 1",
        "spanmeter.retrieval.top_score": 0.75,
    }


def test_a_handler_beside_instrument_counts_once(provider: Any, instrumented: Any) -> None:
    handlers: list[BaseCallbackHandler] = [SpanmeterCallbackHandler(), SpanmeterCallbackHandler()]
    chain(provider).invoke("a", config={"callbacks": handlers})

    assert record(instrumented) == truth(provider)
    assert len(instrumented.finished) == 3


def test_a_handler_alone_needs_nothing_else(provider: Any, spans: Any) -> None:
    handler = SpanmeterCallbackHandler()
    calls().trace_with(spans.tracer_provider)
    with spanmeter.measure() as bill:
        chain(provider).invoke("a", config={"callbacks": [handler]})
        chain(provider).invoke("b")
    calls().trace_with(None)

    assert spans.path_of("chat gpt-5") == ["chat gpt-5", "chain RunnableSequence"]
    assert (bill.calls, provider.calls) == (1, 2)


def test_streams_of_events_are_counted_like_others(provider: Any, instrumented: Any) -> None:
    for _ in model(provider).stream_events("a", version="v3"):
        pass

    assert record(instrumented) == truth(provider)
    assert instrumented.one("chat gpt-5").attributes[semconv.TIME_TO_FIRST_CHUNK] > 0


def test_nothing_is_counted_where_instrumentation_is_suppressed(provider: Any, instrumented: Any) -> None:
    with suppress_instrumentation(), spanmeter.measure() as bill:
        chain(provider).invoke("a")

    assert (provider.calls, bill.calls, instrumented.finished) == (1, 0, ())


def test_calls_are_counted_before_sampling(provider: Any) -> None:
    spanmeter.instrument(endpoint=provider.url, tracer_provider=TracerProvider(sampler=ALWAYS_OFF))
    with spanmeter.measure() as bill:
        chain(provider).invoke("a")
    spanmeter.uninstrument()

    assert (bill.calls, bill.input_tokens, bill.output_tokens) == (1, 100, 20)


def test_uninstrument_leaves_no_trace(provider: Any, spans: Any) -> None:
    def state() -> Iterator[Any]:
        yield list(context._configure_hooks)
        yield [vars(OpenAIEmbeddings)[name] for name in ("embed_documents", "embed_query", "aembed_documents")]
        yield "__init_subclass__" in vars(Embeddings)
        yield openai_embeddings.Embeddings.create, openai_embeddings.AsyncEmbeddings.create
        yield list(parent_hints)
        yield spans.tracer_provider._active_span_processor._span_processors

    before = list(state())
    spanmeter.instrument(endpoint=provider.url, tracer_provider=spans.tracer_provider)
    assert list(state()) != before
    spanmeter.uninstrument()

    assert list(state()) == before
    chain(provider).invoke("a")
    assert spans.finished == ()

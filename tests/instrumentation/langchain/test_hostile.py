"""Whatever a model or an application puts into a run, it is counted, priced or left out, and nothing breaks."""

# ruff: noqa: ARG002  the signatures are LangChain's
from __future__ import annotations

import asyncio
import contextvars
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.runnables import RunnableLambda
from opentelemetry import trace

from spanmeter import barrier, semconv
from spanmeter.langchain import SpanmeterCallbackHandler


class Saying(BaseChatModel):
    """A model that answers with what it is made with."""

    said: Any

    @property
    def _llm_type(self) -> str:
        return "saying"

    def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self.said)])


def message(**given: Any) -> AIMessage:
    return AIMessage("a").model_copy(update=given)


SAID: dict[str, AIMessage] = {
    "negative usage": message(usage_metadata={"input_tokens": -5, "output_tokens": -1, "total_tokens": -6}),
    "usage that is no number": message(usage_metadata={"input_tokens": "many", "output_tokens": None}),
    "usage that contradicts itself": message(
        usage_metadata={"input_tokens": 1, "output_tokens": 1, "input_token_details": {"cache_read": 9}}
    ),
    "no usage": message(),
    "metadata of other types": message(response_metadata={"model_name": 7, "finish_reason": ["x"], "token_usage": "y"}),
    "an image": message(content=[{"type": "image_url", "image_url": {"url": "data:,"}}]),
    "a tool call of other types": message(tool_calls=[{"name": None, "args": None}]),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_strange_answer_is_one_call_and_never_negative(said: AIMessage, instrumented: Any) -> None:
    asked = HumanMessage([{"type": "image_url", "image_url": {"url": "data:,"}}])
    answer = Saying(said=said).invoke([asked])

    (span,) = instrumented.calls()
    assert answer.content == said.content
    assert [value for key, value in span.attributes.items() if key.startswith("gen_ai.usage") and value < 0] == []
    assert not barrier.faults


STARTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "metadata of another type": {"metadata": "x", "tags": 0},
    "tags of other types": {"tags": [None, 7]},
    "a node of another type": {
        "metadata": {"langgraph_node": 7, "langgraph_path": 7, "thread_id": object()},
        "name": 7,
    },
    "a path without end": {"metadata": {"langgraph_node": "a", "langgraph_path": ()}, "name": "a"},
    "parameters of another type": {"invocation_params": "x", "batch_size": "y"},
}


@pytest.mark.parametrize("options", STARTS.values(), ids=STARTS)
def test_strange_runs_are_begun_and_ended(options: dict[str, Any], instrumented: Any) -> None:
    handler, ids = SpanmeterCallbackHandler(), [uuid4() for _ in range(5)]
    handler.on_chain_start({}, None, run_id=ids[0], **options)
    handler.on_chat_model_start({}, None, run_id=ids[1], parent_run_id=ids[0], **options)
    handler.on_llm_start({}, [], run_id=ids[2], parent_run_id=uuid4(), **options)
    handler.on_tool_start({}, "", run_id=ids[3], **options)
    handler.on_retriever_start({}, "", run_id=ids[4], **options)
    handler.on_retriever_end([], run_id=ids[4])
    handler.on_tool_end(None, run_id=ids[3])
    handler.on_llm_end(LLMResult(generations=[]), run_id=ids[2])
    handler.on_llm_end(LLMResult(generations=[[]]), run_id=ids[1])
    handler.on_chain_end(None, run_id=ids[0])

    operations = [span.attributes.get(semconv.OPERATION_NAME, "") for span in instrumented.finished]
    assert sorted(filter(None, operations)) == ["chat", "execute_tool", "retrieval", "text_completion"]


def test_ends_of_runs_that_nobody_began_are_ignored(instrumented: Any) -> None:
    handler = SpanmeterCallbackHandler()
    handler.on_llm_new_token("a", run_id=uuid4())
    handler.on_llm_end(LLMResult(generations=[]), run_id=uuid4())
    handler.on_llm_error(ValueError(), run_id=uuid4())
    handler.on_chain_error(ValueError(), run_id=uuid4())
    handler.on_tool_end("", run_id=uuid4())
    handler.on_retriever_end([], run_id=uuid4())

    assert instrumented.finished == ()


RUNS = 10


def current(_: Any) -> str:
    return format(trace.get_current_span().get_span_context().span_id, "x")


async def current_too(_: Any) -> str:
    await asyncio.sleep(0.001)
    return current(_)


def ids(spans: Any) -> list[str]:
    return sorted(format(span.context.span_id, "x") for span in spans.named("chain step"))


def test_inside_a_step_its_own_span_is_current_in_every_thread(instrumented: Any) -> None:
    step: Any = RunnableLambda(current, name="step")
    with ThreadPoolExecutor() as pool:
        seen = list(pool.map(lambda number: contextvars.Context().run(step.invoke, number), range(RUNS)))

    assert sorted(seen) == ids(instrumented)
    assert instrumented.traces() == RUNS


async def test_inside_a_step_its_own_span_is_current_in_every_task(instrumented: Any) -> None:
    step: Any = RunnableLambda(current_too, name="step")
    seen = await asyncio.gather(*(step.ainvoke(number) for number in range(RUNS)))

    assert sorted(seen) == ids(instrumented)
    assert instrumented.traces() == RUNS

"""LangGraph: graphs, nodes, agents, retries and interrupts in one trace."""

from __future__ import annotations

import itertools
import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from pydantic import SecretStr

from spanmeter import semconv


class State(TypedDict):
    asked: Annotated[list[str], operator.add]


def graph(*nodes: tuple[str, Any], retry: RetryPolicy | None = None, **options: Any) -> Any:
    built = StateGraph(State)
    for name, action in nodes:
        built.add_node(name, action, retry_policy=retry)
    names = [START, *(name for name, _ in nodes), END]
    for before, after in itertools.pairwise(names):
        built.add_edge(before, after)
    return built.compile(**options)


@pytest.fixture
def model(provider: Any) -> ChatOpenAI:
    return ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0)


def ask(model: ChatOpenAI) -> Any:
    return lambda state: {"asked": [str(model.invoke(state["asked"][-1]).content)]}


def frameworks(spans: Any) -> set[str]:
    return {span.attributes[semconv.FRAMEWORK] for span in spans.finished}


def test_a_graph_is_one_trace_of_nodes_and_their_calls(model: ChatOpenAI, instrumented: Any) -> None:
    graph(("write", ask(model)), ("check", ask(model)), name="reviewed").invoke({"asked": ["a"]})

    paths = sorted(instrumented.path(span) for span in instrumented.named("chat gpt-5"))
    assert paths == [
        ["chat gpt-5", "node check", "invoke_workflow reviewed"],
        ["chat gpt-5", "node write", "invoke_workflow reviewed"],
    ]
    assert instrumented.one("invoke_workflow reviewed").attributes[semconv.WORKFLOW_NAME] == "reviewed"
    assert frameworks(instrumented) == {"langgraph"}


async def test_nodes_that_run_at_once_keep_their_own_calls(model: ChatOpenAI, provider: Any, instrumented: Any) -> None:
    async def answer(state: State) -> dict[str, list[str]]:
        return {"asked": [str((await model.ainvoke(state["asked"][-1])).content)]}

    built = StateGraph(State)
    for name in ("left", "right"):
        built.add_node(name, answer)
        built.add_edge(START, name)
    await built.compile().ainvoke({"asked": ["a"]})

    paths = sorted(instrumented.path(span)[1] for span in instrumented.named("chat gpt-5"))
    assert paths == ["node left", "node right"]
    assert len(instrumented.calls()) == provider.calls == 2


def test_a_runnable_inside_a_node_is_no_node(model: ChatOpenAI, instrumented: Any) -> None:
    graph(("write", RunnableLambda(ask(model), name="inside") | RunnableLambda(lambda state: state))).invoke(
        {"asked": ["a"]}
    )

    assert instrumented.path_of("chat gpt-5") == [
        "chat gpt-5",
        "chain inside",
        "node write",
        "invoke_workflow LangGraph",
    ]


def test_each_attempt_of_a_retried_node_has_its_span(model: ChatOpenAI, provider: Any, instrumented: Any) -> None:
    provider.fail_next = [500]
    retry = RetryPolicy(max_attempts=2, initial_interval=0.01, retry_on=Exception)
    graph(("write", ask(model)), retry=retry).invoke({"asked": ["a"]})

    attempts = [span.attributes.get(semconv.ERROR_TYPE) for span in instrumented.named("node write")]
    assert attempts == ["InternalServerError", None]
    assert len(instrumented.calls()) == provider.calls == 1


def test_an_interrupt_is_no_error_and_the_thread_is_the_session(instrumented: Any) -> None:
    paused = graph(("confirm", lambda _: {"asked": [interrupt("sure?")]}), checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t1"}}
    paused.invoke({"asked": ["a"]}, config)
    paused.invoke(Command(resume="yes"), config)

    said = [(span.status.is_unset, span.attributes.get(semconv.OUTCOME)) for span in instrumented.named("node confirm")]
    assert said == [(True, "interrupted"), (True, None)]
    sessions = {span.attributes[semconv.CONVERSATION_ID] for span in instrumented.named("invoke_workflow LangGraph")}
    assert sessions == {"t1"}


def test_a_graph_streamed_by_messages_still_counts(model: ChatOpenAI, provider: Any, instrumented: Any) -> None:
    streaming = model.model_copy(update={"stream_usage": True})
    list(graph(("write", ask(streaming))).stream({"asked": ["a"]}, stream_mode="messages"))

    assert instrumented.total(semconv.INPUT_TOKENS) == provider.input_tokens == 100
    assert instrumented.path_of("chat gpt-5")[1] == "node write"

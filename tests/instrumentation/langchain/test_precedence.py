"""Spans of another instrumentation that LangChain asks too lie inside ours, in one trace."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import BaseCallbackHandler, manager
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from opentelemetry.trace import Span, Tracer
from pydantic import SecretStr

import spanmeter


class Peer(BaseCallbackHandler):
    """What another instrumentation does: a span at each start, ended at the end."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.open: dict[Any, Span] = {}

    def on_chain_start(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open[run_id] = self.tracer.start_span("their chain")

    def on_chat_model_start(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open[run_id] = self.tracer.start_span("their chat")

    def on_chain_end(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open.pop(run_id).end()

    def on_llm_end(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open.pop(run_id).end()


def run(provider: Any, tracer: Tracer) -> None:
    model = ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0)
    chain = RunnableLambda(str, name="ask") | model
    chain.invoke("a", config={"callbacks": [Peer(tracer)]})


def test_their_spans_start_inside_ours(provider: Any, instrumented: Any) -> None:
    run(provider, instrumented.tracer_provider.get_tracer("peer"))

    spans = instrumented.finished
    names = {span.context.span_id: span.name for span in spans}
    parents = {(span.name, names[span.parent.span_id]) for span in spans if span.name.startswith("their")}
    marks = {span.attributes.get("spanmeter.inside_call") for span in spans if span.name == "their chat"}
    assert parents == {
        ("their chain", "chain RunnableSequence"),
        ("their chain", "chain ask"),
        ("their chat", "chat gpt-5"),
    }
    assert marks == {True}
    assert len({span.context.trace_id for span in spans}) == 1


def test_uninstrument_gives_langchain_its_own_function_back(provider: Any, instrumented: Any) -> None:
    spanmeter.uninstrument()

    assert manager._configure.__module__ == manager.__name__
    assert not hasattr(manager._configure, "__wrapped__")
    run(provider, instrumented.tracer_provider.get_tracer("peer"))
    assert {span.name for span in instrumented.finished} == {"their chain", "their chat"}

"""Spans of others that tell of a model call of ours say so, whether they start or only end inside it."""

from __future__ import annotations

from typing import Any

import httpx
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from opentelemetry.trace import Span, Tracer
from pydantic import SecretStr


def model(provider: Any, **options: Any) -> ChatOpenAI:
    return ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0, **options)


def marked(instrumented: Any) -> list[tuple[str, bool | None]]:
    return [(span.name, span.attributes.get("spanmeter.inside_call")) for span in instrumented.finished]


def test_a_span_that_starts_inside_a_model_call_is_marked_and_no_other(provider: Any, instrumented: Any) -> None:
    tracer = instrumented.tracer_provider.get_tracer("client instrumentation")

    def request(_: httpx.Request) -> None:
        with tracer.start_as_current_span("POST"), tracer.start_as_current_span("connect"):
            pass

    with httpx.Client(event_hooks={"request": [request]}) as client, tracer.start_as_current_span("application"):
        model(provider, http_client=client).invoke("a")
        RunnableLambda(request).invoke(httpx.Request("GET", "http://none"))

    inside, outside = [("connect", True), ("POST", True)], [("connect", None), ("POST", None)]
    assert marked(instrumented) == [
        *inside,
        ("chat gpt-5", None),
        *outside,
        ("chain request", None),
        ("application", None),
    ]


class Peer(BaseCallbackHandler):
    """What another instrumentation of LangChain does; the application's handlers are asked before ours."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self.open: dict[Any, Span] = {}

    def on_chain_start(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open[run_id] = self.tracer.start_span("their chain")

    def on_chain_end(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open.pop(run_id).end()

    def on_chat_model_start(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open[run_id] = self.tracer.start_span("their chat")

    def on_llm_end(self, *_: Any, run_id: Any, **__: Any) -> None:
        self.open.pop(run_id).end()


def test_a_span_that_only_ends_inside_a_model_call_is_marked(provider: Any, instrumented: Any) -> None:
    peer = Peer(instrumented.tracer_provider.get_tracer("peer"))

    (RunnableLambda(lambda _: "a") | model(provider)).invoke(1, config={"callbacks": [peer]})

    assert [mark for mark in marked(instrumented) if mark[0].startswith(("their", "chat"))] == [
        ("their chain", None),
        ("their chat", True),
        ("chat gpt-5", None),
        ("their chain", None),
    ]

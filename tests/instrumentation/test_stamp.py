"""Spans of others that tell of a model call of ours say so."""

from __future__ import annotations

from typing import Any

import httpx
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
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


def test_langsmiths_spans_say_that_their_process_counts_langchain_runs(instrumented: Any) -> None:
    for scope in ("langsmith", "application"):
        instrumented.tracer_provider.get_tracer(scope).start_span(scope).end()

    stamps = {span.name: span.attributes.get("spanmeter.instrumented") for span in instrumented.finished}
    assert stamps == {"langsmith": True, "application": None}

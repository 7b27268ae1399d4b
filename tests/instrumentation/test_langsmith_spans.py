"""LangSmith's own spans are in the trace of the request they tell of, and stamped as of their start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langsmith import traceable
from tests.instrumentation.langsmith_client import langsmith

import spanmeter
from spanmeter import langsmith_spans

MODEL: Final = FakeListChatModel(responses=["Hello"])


@traceable(run_type="tool")
def tool(text: str) -> str:
    return text


def _after(message: AIMessage) -> str:
    return tool(str(message.content))


@traceable(name="request")
def ask(text: str) -> str:
    chain = MODEL | RunnableLambda(_after).with_config(run_name="after")
    return str(chain.invoke(text))


@traceable(name="stream")
def stream(text: str) -> Any:
    yield from (tool(text), tool(text))


def traced(spans: Any, mode: str, work: Callable[[], Any]) -> Any:
    """The spans of some work when LangSmith has written its own."""
    with langsmith(spans.tracer_provider, mode) as client, spanmeter.context(tenant="acme"):
        work()
        client.flush()
    return spans


def langsmiths(spans: Any) -> list[Any]:
    return [span for span in spans.finished if span.instrumentation_scope.name == "langsmith"]


@pytest.mark.parametrize("mode", ["hybrid", "otel"])
def test_both_tell_of_a_request_in_one_trace_with_parents_of_their_own_kind(mode: str, instrumented: Any) -> None:
    spans = traced(instrumented, mode, lambda: ask("a"))

    assert spans.traces() == 1
    assert sorted(spans.path(span) for span in langsmiths(spans)) == [
        ["FakeListChatModel", "RunnableSequence", "request", "request"],
        ["RunnableSequence", "request", "request"],
        ["after", "RunnableSequence", "request", "request"],
        ["request", "request"],
        ["tool", "after", "RunnableSequence", "request", "request"],
    ]
    (root,) = (span for span in spans.finished if span.parent is None)
    assert root.instrumentation_scope.name == "spanmeter"


def test_without_its_opentelemetry_mode_langsmith_writes_no_spans(instrumented: Any) -> None:
    spans = traced(instrumented, "langsmith", lambda: ask("a"))

    assert (len(langsmiths(spans)), spans.traces()) == (0, 1)


def test_each_request_is_a_trace_also_after_others_have_ended(instrumented: Any) -> None:
    spans = traced(instrumented, "hybrid", lambda: (MODEL.invoke("a"), list(stream("a")), MODEL.invoke("a")))

    assert spans.traces() == 3
    assert sorted(tuple(spans.path(span)) for span in langsmiths(spans)) == [
        ("FakeListChatModel", "chat FakeListChatModel"),
        ("FakeListChatModel", "chat FakeListChatModel"),
        ("stream", "stream"),
        ("tool", "stream", "stream"),
        ("tool", "stream", "stream"),
    ]


def test_langsmiths_spans_say_whose_they_are_and_which_tell_of_a_call_of_ours(instrumented: Any) -> None:
    spans = traced(instrumented, "hybrid", lambda: ask("a"))

    stamps = {
        span.name: (span.attributes["spanmeter.tenant"], span.attributes.get("spanmeter.inside_call"))
        for span in langsmiths(spans)
    }
    assert stamps == dict.fromkeys(("request", "RunnableSequence", "after", "tool"), ("acme", None)) | {
        "FakeListChatModel": ("acme", True)
    }


def test_a_function_within_a_call_of_ours_tells_of_that_call(instrumented: Any) -> None:
    class Custom(FakeListChatModel):
        def _call(self, *_: Any, **__: Any) -> str:
            return tool("Hello")

    spans = traced(instrumented, "hybrid", lambda: Custom(responses=[]).invoke("a"))

    assert {span.name: span.attributes.get("spanmeter.inside_call") for span in langsmiths(spans)} == {
        "Custom": True,
        "tool": True,
    }


def test_runs_that_langsmith_never_writes_are_forgotten(instrumented: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langsmith_spans, "MAX_STARTS", 2)
    with langsmith(instrumented.tracer_provider, "otel") as client:
        client.tracing_sample_rate = 0.0
        for _ in range(3):
            tool("a")
        assert len(langsmith_spans.starts) == 2

"""LangSmith's spans of LangChain runs, written later and in a trace of their own, are known as told already."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_openai import ChatOpenAI
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from pydantic import SecretStr

from spanmeter import roots
from spanmeter.roots import is_root, note_root


class RunIds(BaseCallbackHandler):
    def __init__(self) -> None:
        self.seen: list[UUID] = []

    def on_chat_model_start(self, *_: Any, run_id: UUID, **__: Any) -> None:
        self.seen.append(run_id)


def langsmiths(instrumented: Any, run_id: UUID, *, scope: str = "langsmith") -> Any:
    """Write a span as LangSmith does of a root run; its one attribute of ours."""
    named = SpanContext(run_id.int, run_id.int >> 64, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    tracer = instrumented.tracer_provider.get_tracer(scope)
    tracer.start_span("ChatOpenAI", context=set_span_in_context(NonRecordingSpan(named))).end()
    return instrumented.finished[-1].attributes.get("spanmeter.inside_call")


def test_langsmiths_span_of_a_run_is_marked_and_that_of_anything_else_is_not(provider: Any, instrumented: Any) -> None:
    run_ids = RunIds()
    model = ChatOpenAI(model="gpt-5", base_url=f"{provider.url}/v1", api_key=SecretStr("none"), max_retries=0)
    model.invoke("a", config={"callbacks": [run_ids]})

    (run_id,) = run_ids.seen
    assert langsmiths(instrumented, run_id) is True
    assert langsmiths(instrumented, run_id, scope="application") is None
    assert langsmiths(instrumented, uuid4()) is None


def test_only_so_many_roots_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "MOST_ROOTS", 2)
    monkeypatch.setattr(roots, "_roots", {})
    first, *others = (uuid4() for _ in range(3))
    for root in (first, *others):
        note_root(root)

    assert [is_root(root.int) for root in (first, *others)] == [False, True, True]

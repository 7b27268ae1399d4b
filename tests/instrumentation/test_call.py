"""A call ends once, whatever ends it, and its span says how."""

from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import tenacity
from opentelemetry import trace
from tests.instrumentation.small_calls import CHAT, USAGE, cents

from spanmeter import semconv
from spanmeter.call import Answer, Call, Calls, Opening, error_type
from spanmeter.pricing import Cost
from spanmeter.receipt import Receipt
from spanmeter.settling import settling


@pytest.fixture
def receipts() -> list[Receipt]:
    return []


@pytest.fixture
def calls(spans: Any, receipts: list[Receipt]) -> Calls:
    return Calls(tracer_provider=spans.tracer_provider, price=cents, receivers=(receipts.append,))


class Texts(list[str]):
    """A prompt whose end can be seen."""


def told(call: Call) -> None:
    call.stop(Answer(usage=USAGE))


def untold(call: Call) -> None:
    call.stop(Answer(text=lambda: "yes"))


@pytest.mark.parametrize("end", [told, untold, Call.cancel, lambda call: call.fail(ValueError("no"))])
def test_contexts_that_hold_an_ended_call_hold_no_prompt(end: Callable[[Call], None], calls: Calls) -> None:
    prompt = Texts(["x" * 5_000_000])
    alive = weakref.ref(prompt)
    call = calls.start(Opening("chat", "chat m", "langchain", prompt=lambda prompt=prompt: prompt))  # type: ignore[misc]
    call.hear("Yes")
    call.report(Answer(text=lambda prompt=prompt: prompt[0]))  # type: ignore[misc]
    held = contextvars.copy_context()
    end(call)
    settling.now()
    call.hear("late")
    del prompt

    assert alive() is None
    assert call.heard in (None, [])
    assert call in [span for span in held.values() if isinstance(span, Call)]


def test_the_first_end_counts(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    call = calls.start(CHAT)
    call.stop(Answer(usage=USAGE))
    call.fail(ValueError("late"))
    call.cancel()

    assert len(receipts) == len(spans.finished) == 1
    assert spans.one("chat small").status.is_unset


def test_a_failed_call_is_counted_as_failed(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    calls.start(CHAT).fail(ValueError("no"))

    (receipt,) = receipts
    assert (receipt.calls, receipt.failed_calls, receipt.cost_usd, receipt.error_type) == (0, 1, None, "ValueError")
    assert spans.one("chat small").status.description == "ValueError"


@pytest.mark.parametrize("error", [GeneratorExit(), asyncio.CancelledError()], ids=repr)
def test_a_call_nobody_waits_for_is_cancelled(
    error: BaseException, calls: Calls, spans: Any, receipts: list[Receipt]
) -> None:
    calls.start(CHAT).fail(error)

    (receipt,) = receipts
    assert (receipt.calls, receipt.failed_calls) == (0, 0)
    assert spans.one("chat small").attributes[semconv.OUTCOME] == "cancelled"
    assert spans.one("chat small").status.is_unset


def test_a_call_around_a_call_of_its_family_is_a_wrapper(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    outer = calls.start(Opening("chat", "outer", "llama_index"))
    between = calls.start(Opening("chain", "between", "langchain"))
    inner = calls.start(CHAT)
    for call in (inner, between, outer):
        call.stop(Answer(usage=USAGE))

    assert [receipt.model for receipt in receipts] == ["small"]
    assert spans.one("outer").attributes[semconv.WRAPPER] is True
    assert semconv.INPUT_TOKENS not in spans.one("outer").attributes
    assert spans.path_of("chat small") == ["chat small", "between", "outer"]


def test_an_embedding_inside_a_chat_makes_no_wrapper(calls: Calls, receipts: list[Receipt]) -> None:
    chat = calls.start(CHAT)
    calls.start(Opening("embeddings", "embeddings e", "llama_index")).stop(Answer(usage=USAGE))
    chat.stop(Answer(usage=USAGE))

    assert [receipt.operation for receipt in receipts] == ["embeddings", "chat"]


def test_a_span_ends_even_when_pricing_fails(spans: Any) -> None:
    def broken(*_: Any, **__: Any) -> Cost:
        raise LookupError

    call = Calls(tracer_provider=spans.tracer_provider, price=broken).start(CHAT)
    with pytest.raises(LookupError):
        call.stop(Answer(usage=USAGE))

    assert len(spans.finished) == 1
    assert trace.get_current_span() is not call.span


def test_a_graph_is_renamed_once_it_is_known(calls: Calls, spans: Any) -> None:
    call: Call = calls.start(Opening("chain", "chain g", "langchain"))
    call.rename(Opening("invoke_workflow", "invoke_workflow g", "langgraph"))
    call.stop()

    attributes = spans.one("invoke_workflow g").attributes
    assert (attributes[semconv.OPERATION_NAME], attributes[semconv.FRAMEWORK]) == ("invoke_workflow", "langgraph")


class _WrappedError(ConnectionError):
    __module__ = "langchain_openai.chat_models"


class _ProviderError(ConnectionError):
    __module__ = "openai"


class _WrappedProviderError(_ProviderError):
    __module__ = "langchain_openai.chat_models"


@pytest.mark.parametrize(
    ("error", "name"),
    [(KeyError("k"), "KeyError"), (_WrappedError(), "_WrappedError"), (_WrappedProviderError(), "_ProviderError")],
    ids=["builtin", "the framework's own", "the provider's, wrapped"],
)
def test_an_error_has_the_name_the_provider_gave_it(error: Exception, name: str) -> None:
    assert error_type(error) == name


def test_an_error_of_giving_up_is_named_by_its_cause() -> None:
    def ask() -> None:
        raise ConnectionRefusedError

    with pytest.raises(tenacity.RetryError) as gave_up:
        tenacity.Retrying(stop=tenacity.stop_after_attempt(2))(ask)
    assert error_type(gave_up.value) == "ConnectionRefusedError"

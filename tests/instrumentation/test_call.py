"""A call ends once, whatever ends it, and its span says how."""

# ruff: noqa: ARG001  the signature is PriceBook.cost's
from __future__ import annotations

import asyncio
import contextvars
import weakref
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import tenacity
from opentelemetry import trace

from spanmeter import semconv
from spanmeter.call import Answer, Call, Calls, Opening, error_type
from spanmeter.pricing import Cost, PriceKey, Usage
from spanmeter.receipt import Receipt
from spanmeter.settling import settling

CHAT = Opening(operation="chat", name="chat small", framework="llama_index", provider="openai", model="small")
USAGE = Usage(input=30, cache_read=10, output=4, reasoning=1)


def price(  # noqa: PLR0913  the signature is PriceBook.cost's
    key: PriceKey,
    usage: Usage,
    *,
    at: datetime,
    reported_usd: Decimal | None = None,
    estimated: bool = False,
    duration_s: Decimal | None = None,
) -> Cost:
    """A cent for each input token, whatever the model."""
    return Cost(Decimal(usage.input_tokens) / 100, "estimated" if estimated else "computed", (), "test", "")


@pytest.fixture
def receipts() -> list[Receipt]:
    return []


@pytest.fixture
def calls(spans: Any, receipts: list[Receipt]) -> Calls:
    return Calls(tracer_provider=spans.tracer_provider, price=price, receivers=(receipts.append,))


def test_an_answered_call_is_priced_and_handed_out(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    calls.start(CHAT).stop(Answer(usage=USAGE, model="small-1", response_id="r1", finish_reasons=("stop",)))

    (receipt,) = receipts
    assert (receipt.calls, receipt.usage, receipt.cost_usd, receipt.model) == (1, USAGE, Decimal("0.4"), "small-1")
    assert dict(spans.one("chat small").attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "small",
        "gen_ai.response.model": "small-1",
        "gen_ai.response.id": "r1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 40,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 10,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "spanmeter.framework": "llama_index",
        "spanmeter.usage.grade": "reported",
        "spanmeter.cost.grade": "computed",
        "spanmeter.cost.usd": "0.4",
    }


def test_a_contradiction_in_the_usage_is_noted_and_counted(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    notes = ("cache_read of 50 exceeds the input of 40",)
    calls.start(CHAT).stop(Answer(usage=USAGE, usage_notes=notes))
    calls.start(CHAT).stop(Answer(usage=USAGE))

    assert [span.attributes.get(semconv.USAGE_NOTES) for span in spans.finished] == [notes, None]
    assert [receipt.usage_contradictions for receipt in receipts] == [1, 0]


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


def test_a_cancelled_or_failed_call_with_usage_is_charged(calls: Calls, receipts: list[Receipt]) -> None:
    calls.start(CHAT).cancel(Answer(usage=USAGE))
    calls.start(CHAT).fail(ValueError("cut off"), Answer(usage=USAGE))

    assert [(receipt.calls, receipt.failed_calls, receipt.cost_usd) for receipt in receipts] == [
        (1, 0, Decimal("0.4")),
        (0, 1, Decimal("0.4")),
    ]


def test_a_cache_hit_costs_nothing(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    calls.start(CHAT).stop(Answer(usage=USAGE, cache_hit=True))

    (receipt,) = receipts
    assert (receipt.calls, receipt.cache_hits, receipt.usage, receipt.cost_usd) == (0, 1, Usage(), None)
    assert semconv.INPUT_TOKENS not in spans.one("chat small").attributes


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


def test_requests_below_a_call_add_up(calls: Calls, spans: Any, receipts: list[Receipt]) -> None:
    call = calls.start(Opening("embeddings", "embeddings e", "langchain", model="e"))
    call.report(Answer(usage=Usage(input=3), model="e-1"))
    call.report(Answer(usage=Usage(input=4), model="e-1"))
    call.stop()

    assert (receipts[0].calls, receipts[0].usage, receipts[0].model) == (2, Usage(input=7), "e-1")
    assert spans.one("embeddings e").attributes[semconv.CALLS] == 2


def test_requests_answered_before_a_failure_are_counted_and_charged(
    calls: Calls, spans: Any, receipts: list[Receipt]
) -> None:
    call = calls.start(Opening("embeddings", "embeddings e", "langchain", model="e"))
    call.report(Answer(usage=Usage(input=3)))
    call.fail(ValueError("second request"))

    (receipt,) = receipts
    assert (receipt.calls, receipt.failed_calls, receipt.cost_usd) == (1, 1, Decimal("0.03"))
    assert spans.one("embeddings e").attributes[semconv.CALLS] == 1


def test_an_operation_that_is_no_call_is_not_billed(calls: Calls, receipts: list[Receipt]) -> None:
    calls.start(Opening("execute_tool", "execute_tool t", "langchain")).stop()

    assert receipts == []


def test_a_span_ends_even_when_pricing_fails(spans: Any) -> None:
    def broken(*_: Any, **__: Any) -> Cost:
        raise LookupError

    call = Calls(tracer_provider=spans.tracer_provider, price=broken).start(CHAT)
    with pytest.raises(LookupError):
        call.stop(Answer(usage=USAGE))

    assert len(spans.finished) == 1
    assert trace.get_current_span() is not call.span


def test_an_unknown_price_leaves_the_cost_out(spans: Any, receipts: list[Receipt]) -> None:
    def unpriced(*_: Any, **__: Any) -> Cost:
        return Cost(None, "unpriced", (), "test", "never heard of it")

    calls = Calls(tracer_provider=spans.tracer_provider, price=unpriced, receivers=(receipts.append,))
    calls.start(CHAT).stop(Answer(usage=USAGE))

    assert receipts[0].cost_usd is None
    attributes = spans.one("chat small").attributes
    assert (attributes[semconv.COST_GRADE], attributes.get(semconv.COST_USD)) == ("unpriced", None)


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

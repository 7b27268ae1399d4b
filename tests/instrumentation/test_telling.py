"""What an ended call tells its span, and who gets a receipt of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.trace import NoOpTracerProvider
from tests.instrumentation.small_calls import CHAT, USAGE, cents

from spanmeter import semconv
from spanmeter.call import Answer, Calls, Opening
from spanmeter.pricing import Cost, Usage
from spanmeter.receipt import Receipt


@pytest.fixture
def receipts() -> list[Receipt]:
    return []


@pytest.fixture
def calls(spans: Any, receipts: list[Receipt]) -> Calls:
    return Calls(tracer_provider=spans.tracer_provider, price=cents, receivers=(receipts.append,))


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


def test_an_unknown_price_leaves_the_cost_out(spans: Any, receipts: list[Receipt]) -> None:
    def unpriced(*_: Any, **__: Any) -> Cost:
        return Cost(None, "unpriced", (), "test", "never heard of it")

    calls = Calls(tracer_provider=spans.tracer_provider, price=unpriced, receivers=(receipts.append,))
    calls.start(CHAT).stop(Answer(usage=USAGE))

    assert receipts[0].cost_usd is None
    attributes = spans.one("chat small").attributes
    assert (attributes[semconv.COST_GRADE], attributes.get(semconv.COST_USD)) == ("unpriced", None)


def test_calls_without_a_trace_have_no_request_in_common() -> None:
    call = Calls(tracer_provider=NoOpTracerProvider()).start(CHAT)
    call.stop()

    assert call.request is None

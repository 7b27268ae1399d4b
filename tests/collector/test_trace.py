"""One trace, asked of a real store."""

from __future__ import annotations

import pytest

from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.store import Store
from spanmeter_collector.trace import UnknownTraceError, answer_trace

ANSWER = "01" * 16
NO_CALL = {
    "calls": 0,
    "failed_calls": 0,
    "cache_hits": 0,
    "input_tokens": 0,
    "cached_input_tokens": 0,
    "output_tokens": 0,
    "reasoning_tokens": 0,
    "cost_usd": "0",
    "unpriced_calls": 0,
}


def charge(component: str, quantity: int, price: str, usd: str) -> dict[str, object]:
    return {
        "component": component,
        "quantity": quantity,
        "unit": "token",
        "usd_per_unit": price,
        "usd": usd,
        "grade": "computed",
        "price_version": "v1",
    }


def test_the_frame_of_a_trace(known: Store) -> None:
    trace = answer_trace(known, ANSWER).model_dump()
    steps = [
        (span["name"], span["parent_span_id"][-1:], span["offset_s"], span["wrapper"], span["cost_usd"])
        for span in trace.pop("spans")
    ]
    assert trace == {
        "trace_id": ANSWER,
        "name": "rag.answer",
        "start": "2026-11-22T10:00:00Z",
        "duration_s": 2.0,
        "total": NO_CALL
        | {"calls": 2, "input_tokens": 312, "cached_input_tokens": 100, "output_tokens": 50, "reasoning_tokens": 20}
        | {"cost_usd": "0.00006774"},
        "priced_share": 1.0,
        "stores_content": False,
    }
    assert steps == [
        ("rag.answer", "", 0.0, False, "0"),
        ("retrieve", "1", 0.1, False, "0"),
        ("embeddings e-small", "2", 0.2, False, "0.00000024"),
        ("chat wrapper", "1", 0.5, True, "0"),
        ("chat gpt-4o-mini", "4", 0.6, False, "0.0000675"),
    ]


def test_the_whole_of_a_call(known: Store) -> None:
    assert answer_trace(known, ANSWER).spans[-1].model_dump() == {
        "span_id": "0000000000000005",
        "parent_span_id": "0000000000000004",
        "name": "chat gpt-4o-mini",
        "operation": "chat",
        "framework": "langchain",
        "service": "shop-rag",
        "scope": "spanmeter.langchain",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "start": "2026-11-22T10:00:00.600000Z",
        "offset_s": 0.6,
        "duration_s": 1.25,
        "status": "ok",
        "error_type": "",
        "time_to_first_chunk_s": 0.25,
        "calls": 1,
        "failed_calls": 0,
        "cache_hits": 0,
        "input_tokens": 300,
        "cached_input_tokens": 100,
        "output_tokens": 50,
        "reasoning_tokens": 20,
        "cost_usd": "0.0000675",
        "unpriced_calls": 0,
        "grade": "computed",
        "wrapper": False,
        "charges": [
            charge("cache_read", 100, "0.000000075", "0.0000075"),
            charge("input", 200, "0.00000015", "0.00003"),
            charge("output", 30, "0.0000006", "0.000018"),
            charge("reasoning", 20, "0.0000006", "0.000012"),
        ],
        "attributes": {"spanmeter.tag.branch": "main"},
        "events": [{"name": "retry", "time": "2026-11-22T10:00:01Z", "attributes": {"attempt": "2"}}],
        "content": None,
    }


def test_a_reversed_charge_is_not_listed(known: Store) -> None:
    embedding = answer_trace(known, ANSWER).spans[2]
    assert [entry.model_dump() for entry in embedding.charges] == [charge("input", 12, "0.00000002", "0.00000024")]


def test_unknown_prices_failures_and_cache_hits_stay_apart(known: Store) -> None:
    trace = answer_trace(known, "02" * 16)
    assert trace.priced_share == 0.0
    assert [(span.status, span.calls, span.failed_calls, span.cache_hits, span.cost_usd) for span in trace.spans] == [
        ("ok", 0, 0, 0, "0"),
        ("ok", 1, 0, 0, None),
        ("error", 0, 1, 0, "0"),
        ("ok", 0, 0, 1, "0"),
    ]


def test_an_id_in_capitals_is_the_same_id(known: Store) -> None:
    assert answer_trace(known, ANSWER.upper()) == answer_trace(known, ANSWER)


@pytest.mark.parametrize("trace_id", ["", "1", "0" * 31, "0" * 33, "g" * 32, "0" * 31 + "'", "\u0660" * 32])
def test_a_malformed_id_is_refused(known: Store, trace_id: str) -> None:
    with pytest.raises(QuestionError, match=r"^trace id .* is malformed; allowed: 32 hexadecimal digits$"):
        answer_trace(known, trace_id)


def test_a_trace_that_is_not_stored_is_unknown(known: Store) -> None:
    with pytest.raises(UnknownTraceError, match=r"^no trace f{32} is stored; "):
        answer_trace(known, "f" * 32)

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from spanmeter_dashboard import reading
from spanmeter_dashboard.answers import Charge, Content, Cost, CostRow, Document, Message, Part, Sums, Unpriced

COUNTS: dict[str, Any] = {
    "calls": 2,
    "failed_calls": 1,
    "cache_hits": 3,
    "input_tokens": 10,
    "cached_input_tokens": 4,
    "output_tokens": 5,
    "reasoning_tokens": 1,
    "unpriced_calls": 0,
}
UNPRICED = {"provider": "vllm", "model": "qwen", "calls": 2, "input_tokens": 300, "output_tokens": 20}
SUMS = Sums(2, 1, 3, 10, 4, 5, 1, 0, Decimal("0.000000123456"))


def test_money_keeps_every_digit() -> None:
    row = {"hour": "2026-11-22T13:00:00Z", "model": "m", **COUNTS, "cost_usd": "0.000000123456"}
    data = {
        "rows": [row],
        "total": {**COUNTS, "cost_usd": "0.000000123456"},
        "priced_share": 0.5,
        "unpriced": [UNPRICED],
    }
    unpriced = (Unpriced("vllm", "qwen", 2, 300, 20),)
    expected = Cost((CostRow(("2026-11-22T13:00:00Z", "m"), SUMS),), SUMS, 0.5, unpriced)
    assert reading.cost(data, ("hour", "model")) == expected


def test_unknown_money_stays_unknown() -> None:
    assert reading.sums({**COUNTS, "cost_usd": None}).cost_usd is None


PART = {"kind": "text", "text": "Hi", "name": "", "id": ""}


def test_a_trace_brings_its_charges_and_what_it_quotes() -> None:
    charge = {"component": "input", "quantity": 10, "unit": "token", "usd_per_unit": None, "usd": None}
    span = {
        "content": {
            "input": [{"role": "user", "name": "", "finish_reason": "", "parts": [PART]}],
            "output": [],
            "tools": [{"name": "f", "description": "d", "parameters": "{}"}],
            "arguments": "",
            "result": "",
            "query": "q",
            "documents": [{"id": "d1", "score": None, "text": "t", "metadata": ""}],
        },
        **dict.fromkeys(("span_id", "parent_span_id", "name", "operation", "framework", "service", "grade"), ""),
        **dict.fromkeys(("provider", "model", "status", "error_type"), ""),
        "offset_s": 0.0,
        "duration_s": 1.0,
        "time_to_first_chunk_s": None,
        "wrapper": False,
        **COUNTS,
        "cost_usd": None,
        "charges": [{**charge, "grade": "unpriced", "price_version": ""}],
        "attributes": {},
        "events": [],
    }
    head = {"trace_id": "ab", "name": "n", "start": "2026-11-22T12:00:00.5Z", "duration_s": 1.0, "priced_share": 0}
    head |= {"stores_content": False}
    trace = reading.trace({**head, "total": {**COUNTS, "cost_usd": "1"}, "spans": [span]})
    assert trace.steps[0].charges == (Charge("input", 10, "token", None, None, "unpriced", ""),)
    said, found = Message("user", "", "", (Part("text", "Hi", ""),)), Document("d1", None, "t", "")
    assert trace.steps[0].content == Content((said,), (), (("f", "d"),), "", "", "q", (found,))


def test_an_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(KeyError, match="total"):
        reading.cost({"rows": []}, ())

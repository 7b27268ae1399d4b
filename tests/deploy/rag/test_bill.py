from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from spanmeter_rag.bill import Bill

COUNTS = {
    "calls": 3,
    "failed_calls": 1,
    "input_tokens": 1500,
    "cached_input_tokens": 1024,
    "output_tokens": 90,
    "cost_usd": "0.00033",
    "unpriced_calls": 0,
}
BILL = Bill(
    queries=2,
    traces=2,
    total=COUNTS,
    priced_share=1.0,
    frameworks=[{"framework": "langchain", **COUNTS}],
    models=[{"model": "gpt-4o-mini-2024-07-18", **COUNTS}],
    provider={"calls": 3, "input_tokens": 1500, "output_tokens": 90},
    dropped_spans=0,
)


def test_the_json_object_has_exactly_these_members() -> None:
    assert BILL.as_json() == {
        "queries": 2,
        "traces": 2,
        "calls": 3,
        "input_tokens": 1500,
        "output_tokens": 90,
        "cost_usd": "0.00033",
        "priced_share": 1.0,
        "by_framework": {"langchain": {"calls": 3, "input_tokens": 1500, "output_tokens": 90, "cost_usd": "0.00033"}},
        "provider": {"calls": 3, "input_tokens": 1500, "output_tokens": 90},
        "dropped_spans": 0,
    }


def test_the_table_shows_money_and_how_much_of_it_is_known() -> None:
    total = BILL.as_text().splitlines()[-1].split()
    assert total == ["total", "3", "1", "1,500", "1,024", "90", "$0.000330", "100%"]


def test_what_has_no_price_is_unknown_not_zero() -> None:
    unpriced = COUNTS | {"cost_usd": None, "unpriced_calls": 3}
    assert replace(BILL, total=unpriced).as_text().splitlines()[-1].split()[-2:] == ["unknown", "0%"]


def test_an_equal_bill_has_no_differences() -> None:
    assert BILL.differences() == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"total": COUNTS | {"calls": 2}}, "calls: the ledger has 2, the provider counted 3"),
        ({"total": COUNTS | {"input_tokens": 1600}}, "input tokens: the ledger has 1,600, the provider counted 1,500"),
        ({"total": COUNTS | {"output_tokens": 0}}, "output tokens: the ledger has 0, the provider counted 90"),
        ({"priced_share": 0.5}, "priced share: 0.5, although every model of the demo has a price"),
        ({"traces": 3}, "traces: 3 for 2 queries"),
        ({"dropped_spans": 4}, "spans: 4 of those ended in the service are not in the store"),
    ],
)
def test_every_difference_is_named(changes: dict[str, Any], sentence: str) -> None:
    assert replace(BILL, **changes).differences() == [sentence]


def test_a_provider_that_keeps_no_record_cannot_differ() -> None:
    live = replace(BILL, provider=None, priced_share=0.5)
    assert (live.differences(), live.as_json()["provider"]) == ([], None)

"""A bill adds up what ended, and shows what it could not price."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from spanmeter.bill import Bill, Totals
from spanmeter.pricing import Usage
from spanmeter.receipt import Receipt
from spanmeter.tally import Tally


def receipt(**known: object) -> Receipt:
    given = {"model": "small", "request_model": "small", "duration_s": 1.0, **known}
    return Receipt(framework="langchain", operation="chat", provider="openai", **given)  # type: ignore[arg-type]


def test_an_empty_bill_is_zero_dollars() -> None:
    assert Bill().cost_usd == Decimal(0)


def test_a_bill_adds_up_calls_by_model() -> None:
    bill = Bill()
    usage = Usage(input=30, cache_read=10, output=4, reasoning=1)
    bill.add(receipt(calls=1, usage=usage, cost_usd=Decimal("0.25")))
    bill.add(receipt(calls=1, usage=usage, cost_usd=Decimal("0.5"), model="large"))
    bill.add(receipt(failed_calls=1))
    bill.add(receipt(cache_hits=1))

    assert (bill.calls, bill.failed_calls, bill.cache_hits, bill.unpriced_calls) == (2, 1, 1, 0)
    assert (bill.input_tokens, bill.cached_input_tokens, bill.output_tokens, bill.reasoning_tokens) == (80, 20, 10, 2)
    assert bill.cost_usd == Decimal("0.75")
    assert bill.by_model()["large"] == Totals(
        calls=1,
        input_tokens=40,
        cached_input_tokens=10,
        output_tokens=5,
        reasoning_tokens=1,
        priced_usd=Decimal("0.5"),
    )


def test_a_bill_of_unpriced_calls_has_no_cost_but_says_how_many() -> None:
    bill = Bill()
    bill.add(receipt(calls=1))
    assert (bill.cost_usd, bill.unpriced_calls) == (None, 1)

    bill.add(receipt(calls=1, cost_usd=Decimal("0.5")))
    assert (bill.cost_usd, bill.unpriced_calls) == (Decimal("0.5"), 1)


@pytest.mark.parametrize(
    ("saved", "usd", "unpriced"),
    [
        ([], Decimal(0), 0),
        ([Decimal("0.25"), Decimal("0.5")], Decimal("0.75"), 0),
        ([Decimal("0.25"), None], Decimal("0.25"), 1),
        ([None, None], None, 2),
        ([Decimal(0)], Decimal(0), 0),
    ],
    ids=["no hit", "known", "one unknown", "unknown", "nothing"],
)
def test_a_bill_says_what_hits_saved(saved: list[Decimal | None], usd: Decimal | None, unpriced: int) -> None:
    bill = Bill()
    for each in saved:
        bill.save(each)

    assert (bill.saved_usd, bill.unpriced_hits) == (usd, unpriced)


@pytest.mark.parametrize("ledger", [Bill(), Tally()], ids=["bill", "tally"])
def test_a_call_that_ends_while_another_is_being_counted_is_counted_too(ledger: Bill | Tally) -> None:
    collected = [receipt(calls=1)]  # as a dropped stream ends that is garbage

    class Interrupting(Usage):
        @property
        def input_tokens(self) -> int:
            while collected:
                ledger.add(collected.pop())
            return 1

    adding = threading.Thread(target=ledger.add, args=[receipt(calls=1, usage=Interrupting())], daemon=True)
    adding.start()
    adding.join(5)

    assert not adding.is_alive()
    assert ledger.calls == 2

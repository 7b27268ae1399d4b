from __future__ import annotations

from decimal import Decimal

import pytest

from spanmeter_dashboard import bill
from spanmeter_dashboard.answers import Cost, CostRow, Sums

PAID = Sums(calls=4, failed_calls=1, input_tokens=10, output_tokens=5, cost_usd=Decimal("0.00033"))
UNKNOWN = Sums(calls=1, unpriced_calls=1, cost_usd=None)
ANSWER = Cost(
    (CostRow(("gpt-4.1", "acme"), PAID), CostRow(("house, model", ""), UNKNOWN)),
    Sums(calls=5, unpriced_calls=1, cost_usd=Decimal("0.00066")),
    0.8,
)


def test_the_frame_has_names_spend_share_and_unit_cost() -> None:
    frame = bill.frame(ANSWER, ("model", "tenant"))
    assert {name: frame[name] for name in ("model", "tenant", "cost_usd", "share", "per_1k_calls", "calls")} == {
        "model": ["gpt-4.1", "house, model"],
        "tenant": ["acme", "(no tenant)"],
        "cost_usd": [0.00033, None],
        "share": [0.5, None],
        "per_1k_calls": [0.0825, None],
        "calls": [4, 1],
    }


def test_every_column_of_the_frame_has_a_title() -> None:
    by = ("model", "tenant")
    assert list(bill.columns(ANSWER, by)) == list(bill.frame(ANSWER, by))


def test_the_file_has_exact_amounts_and_leaves_unknown_ones_empty() -> None:
    assert bill.csv_text(ANSWER, ("model", "tenant")) == (
        "model,tenant,cost_usd,calls,failed_calls,cache_hits,input_tokens,cached_input_tokens,output_tokens,"
        "reasoning_tokens,unpriced_calls\n"
        "gpt-4.1,acme,0.00033,4,1,0,10,0,5,0,0\n"
        '"house, model",,,1,0,0,0,0,0,0,1\n'
    )


@pytest.mark.parametrize(
    ("amounts", "decimals"),
    [(["12", "1"], 2), (["12", "0.5"], 4), (["12", "0.0003"], 6), ([None, "0"], 2), ([], 2)],
)
def test_a_column_has_decimals_for_its_smallest_amount(amounts: list[str | None], decimals: int) -> None:
    assert bill.decimals_for([None if text is None else Decimal(text) for text in amounts]) == decimals

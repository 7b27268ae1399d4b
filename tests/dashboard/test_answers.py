from __future__ import annotations

from decimal import Decimal

import pytest

from spanmeter_dashboard.answers import Sums, add

PRICED = Sums(calls=2, input_tokens=10, output_tokens=5, cost_usd=Decimal("0.3"))
UNPRICED = Sums(calls=1, unpriced_calls=1, cost_usd=None)


@pytest.mark.parametrize(
    ("parts", "cost"),
    [
        pytest.param([PRICED, PRICED], Decimal("0.6"), id="priced"),
        pytest.param([PRICED, UNPRICED], Decimal("0.3"), id="some unpriced"),
        pytest.param([UNPRICED, UNPRICED], None, id="all unpriced"),
        pytest.param([UNPRICED, Sums()], None, id="nothing adds nothing known"),
        pytest.param([], Decimal(0), id="no parts"),
    ],
)
def test_a_sum_is_unknown_only_when_no_part_is_known(parts: list[Sums], cost: Decimal | None) -> None:
    assert add(parts).cost_usd == cost


def test_counts_add_up() -> None:
    assert add([PRICED, UNPRICED]) == Sums(
        calls=3, unpriced_calls=1, input_tokens=10, output_tokens=5, cost_usd=Decimal("0.3")
    )


@pytest.mark.parametrize(
    ("sums", "errors", "priced"),
    [
        pytest.param(Sums(), None, 1.0, id="nothing"),
        pytest.param(Sums(calls=3, failed_calls=1, unpriced_calls=0), 0.25, 1.0, id="a failure"),
        pytest.param(Sums(calls=4, unpriced_calls=1), 0.0, 0.75, id="an unpriced call"),
    ],
)
def test_shares_are_of_attempts_and_of_calls(sums: Sums, errors: float | None, priced: float) -> None:
    assert (sums.error_share, sums.priced_share) == (errors, priced)


@pytest.mark.parametrize(
    ("sums", "usd"),
    [
        pytest.param(PRICED, Decimal("0.15"), id="priced"),
        pytest.param(add([PRICED, UNPRICED]), Decimal("0.15"), id="a call without a price is not a free one"),
        pytest.param(UNPRICED, None, id="none has a price"),
        pytest.param(Sums(), None, id="no call"),
    ],
)
def test_spend_per_call_is_that_of_priced_calls(sums: Sums, usd: Decimal | None) -> None:
    assert sums.usd_per_priced_call == usd

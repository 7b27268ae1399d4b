"""What an ended call cost: by its parts where it has any, for a tenant, in a region, over a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from spanmeter.answer import Answer
from spanmeter.opening import Opening
from spanmeter.price import cost_of
from spanmeter.pricing import Amount, Grade, PriceKey, Usage
from spanmeter.pricing.reading import Part

OPENING = Opening("chat", "chat opus", "langchain", "anthropic", "opus", region="us")
USAGE = Usage(input=300, output=30)
PARTS = (Part(Usage(input=100, output=10)), Part(Usage(input=200, output=20), "haiku"))
KNOWN: Mapping[str, tuple[Decimal, Grade]] = {
    "opus": (Decimal(2), "computed"),
    "haiku": (Decimal("0.5"), "estimated"),
}
Asked = tuple[PriceKey, Usage, Decimal | None]


class Priced:
    """So many dollars for each token of input, by model, and what was asked for."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def __call__(  # noqa: PLR0913  the signature is PriceBook.cost's
        self,
        key: PriceKey,
        usage: Usage,
        *,
        at: datetime,
        reported_usd: Decimal | None = None,
        estimated: bool = False,
        duration_s: Decimal | None = None,
    ) -> Amount:
        assert at.utcoffset() is not None
        assert not estimated
        self.asked.append((key, usage, duration_s))
        if reported_usd is not None and reported_usd >= 0:
            return Amount(reported_usd, "reported")
        if key.model not in KNOWN:
            return Amount(None, "unpriced")
        each, grade = KNOWN[key.model]
        return Amount(each * usage.input, grade)


def cost(answer: Answer, price: Any) -> Any:
    return cost_of(answer, opening=OPENING, price=price, tenant="acme", duration_ns=1_500_000_000)


def key(model: str, region: str = "us") -> PriceKey:
    return PriceKey("anthropic", model, region=region, tenant="acme")


def test_a_price_is_asked_for_the_tenant_the_region_and_the_duration() -> None:
    price = Priced()
    assert cost(Answer(usage=USAGE), price) == Amount(Decimal(600), "computed")
    assert price.asked == [(key("opus"), USAGE, Decimal("1.5"))]


def test_the_region_that_answered_goes_before_the_one_that_was_asked() -> None:
    price = Priced()
    cost(Answer(usage=USAGE, model="haiku", region="eu"), price)
    assert [asked for asked, *_ in price.asked] == [key("haiku", "eu")]


def test_parts_are_priced_each_by_its_model_and_graded_by_the_least_known() -> None:
    price = Priced()
    assert cost(Answer(usage=USAGE, parts=PARTS), price) == Amount(Decimal("300.0"), "estimated")
    assert price.asked[1:] == [
        (key("opus"), PARTS[0].usage, Decimal("1.5")),
        (key("haiku"), PARTS[1].usage, Decimal(0)),
    ]


def test_one_part_without_a_price_leaves_the_call_unpriced() -> None:
    parts = (*PARTS, Part(Usage(input=1), "nobody's"))
    assert cost(Answer(usage=USAGE, parts=parts), Priced()) == Amount(None, "unpriced")


@pytest.mark.parametrize(
    ("reported", "expected"),
    [("7", Amount(Decimal(7), "reported")), ("-7", Amount(Decimal("300.0"), "estimated"))],
    ids=["credible", "absurd"],
)
def test_the_sum_a_provider_tells_goes_before_parts(reported: str, expected: Amount) -> None:
    assert cost(Answer(usage=USAGE, parts=PARTS, reported_usd=Decimal(reported)), Priced()) == expected


def test_a_part_that_is_the_whole_call_is_no_part() -> None:
    price = Priced()
    assert cost(Answer(usage=USAGE, parts=(Part(USAGE),)), price) == Amount(Decimal(600), "computed")
    assert len(price.asked) == 1


def test_nothing_used_has_no_cost() -> None:
    assert cost(Answer(), Priced()) is None

"""Bills in whole numbers: prices in 1e-18 and amounts in 1e-12 US dollars, the last places that are kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from spanmeter.pricing.cost import GRADES, Grade
from spanmeter.pricing.money import MONEY, PLACES
from spanmeter.pricing.rates import UNIT_PLACES, Line, Rates
from spanmeter.pricing.usage import Usage

LARGEST: Final = Decimal(10**12)
_MILLISECONDS: Final = Decimal(1000)
_SEARCHES: Final = frozenset({"web_searches_low", "web_searches_medium", "web_searches_high"})
_ATTOS_OF_A_PICO: Final = 1_000_000
_HALF_A_PICO: Final = 500_000


class WholeCost(NamedTuple):
    """What a call cost as in `Cost`, in 1e-12 US dollars; None when it is not known, and then no amount is.

    There is a label for all that was used, also for what no price is asked for: its amount is 0 and its price None.
    `attos` are what one of each costs in 1e-18, `amounts` what all of it costs in 1e-12 US dollars.
    """

    picos: int | None
    grade: Grade
    labels: Sequence[str] = ()
    counts: Sequence[int] = ()
    attos: Sequence[int | None] = ()
    amounts: Sequence[int | None] = ()


def whole_bill(rates: Rates, usage: Usage, duration_ns: int | None) -> WholeCost:
    """The bill of a usage, unknown if a price or the time is missing; graded as if all was computed."""
    prices, reason = lines_of(rates, usage), rates.reason
    counted, unbilled = usage.filled(), []
    if "compute_ms" in prices:
        duration_s = None if duration_ns is None else Decimal(duration_ns).scaleb(-9, MONEY)
        unbilled = [each for each in counted if each[0] not in prices]
        counted, reason = timed(prices, counted, duration_s)
    if counted and "requests" in prices:
        counted = with_request(counted)
    if not counted and not unbilled:
        return WholeCost(None, "unpriced")
    labels, counts = zip(*counted, *unbilled, strict=True)
    lines = [prices.get(label) for label in labels]
    attos = [None if line is None else _attos(line) for line in lines]
    if reason or not counted or None in lines[: len(counted)]:
        return WholeCost(None, "unpriced", labels, counts, attos, [None] * len(labels))
    amounts = [0 if line is None else _amount(line, count) for line, count in zip(lines, counts, strict=True)]
    return WholeCost(sum(amounts), "computed", labels, counts, attos, amounts)


def _attos(line: Line) -> int:
    return _units(MONEY.quantize(line.usd_each, UNIT_PLACES), 18) if line.attos is None else line.attos


def _amount(line: Line, count: int) -> int:
    if line.picos is not None:
        return line.picos * count
    if line.attos is not None:
        return rounded(line.attos * count)
    return _units(MONEY.quantize(MONEY.multiply(line.usd_each, count), PLACES), 12)


def whole_reported(usd: Decimal, usage: Usage) -> WholeCost:
    """The cost that a provider itself told, with the usage that it told no amount of."""
    picos = _units(MONEY.quantize(usd, PLACES), 12)
    labels, counts = zip(("reported", 1), *usage.filled(), strict=True)
    attos = [picos * _ATTOS_OF_A_PICO, *(None for _ in labels[1:])]
    return WholeCost(picos, "reported", labels, counts, attos, [picos, *(0 for _ in labels[1:])])


def whole_together(costs: Sequence[WholeCost]) -> WholeCost:
    """The cost of the parts of one call: not known if one part is not, and graded as the part that is known least."""
    known = [cost.picos for cost in costs if cost.picos is not None]
    total = sum(known) if len(known) == len(costs) else None
    return WholeCost(
        picos=total,
        grade=max((cost.grade for cost in costs), key=GRADES.index),
        labels=[label for cost in costs for label in cost.labels],
        counts=[count for cost in costs for count in cost.counts],
        attos=[each for cost in costs for each in cost.attos],
        amounts=[None if total is None else amount for cost in costs for amount in cost.amounts],
    )


def _units(usd: Decimal, places: int) -> int:
    return int(usd.scaleb(places, MONEY))


def rounded(attos: int) -> int:
    """In 1e-12 instead of 1e-18, half to even, as amounts are rounded."""
    picos, rest = divmod(attos, _ATTOS_OF_A_PICO)
    return picos + (rest > _HALF_A_PICO or (rest == _HALF_A_PICO and picos & 1))


def timed(
    lines: Mapping[str, Line], counts: list[tuple[str, int]], duration_s: Decimal | None
) -> tuple[list[tuple[str, int]], str]:
    """What is billed of a model that is paid by time: the time, and what has a price of its own beside it."""
    known = [counted for counted in counts if counted[0] in lines]
    if duration_s is None or not is_credible(duration_s):
        return known, "the model is paid by time, and how long the call took is not known"
    return [*known, ("compute_ms", round(MONEY.multiply(duration_s, _MILLISECONDS)))], ""


def is_credible(number: Decimal) -> bool:
    """Whether a number of dollars or seconds is neither negative nor absurd."""
    return number.is_finite() and 0 <= number < LARGEST


def with_request(counts: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """A fee for each request, unless it is the fee of a search whose depth is known."""
    return counts if any(label in _SEARCHES for label, _ in counts) else [*counts, ("requests", 1)]


def lines_of(rates: Rates, usage: Usage) -> Mapping[str, Line]:
    """The prices for a request of that length."""
    if not rates.steps:
        return rates.lines
    # A response that searched has read its input once per round, and each round is billed at its own length.
    return rates.lines_for(usage.input_tokens // (usage.web_searches + 1))

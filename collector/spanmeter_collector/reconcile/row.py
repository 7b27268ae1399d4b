"""A day and model of the bill beside the same of the ledger, and where the difference comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from spanmeter_collector.reconcile.line import WEB_SEARCHES

ORDER: Final = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "cache_read_audio",
    "input_image",
    "output",
    "output_audio",
    "output_image",
)
"""The buckets of tokens, as bills tell them apart: reasoning is output."""
_ZERO: Final = Decimal(0)
_CENT_ROUNDING: Final = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens and what they cost; None is what is not told, or not known."""

    tokens: Decimal | None = None
    usd: Decimal | None = None

    @property
    def usd_each(self) -> Decimal | None:
        """The price of one token, None where there is none to be seen."""
        return self.usd / self.tokens if self.tokens and self.usd is not None else None


NOTHING: Final = Amount()


@dataclass(frozen=True, slots=True)
class Split:
    """A difference in dollars by where it comes from; the three add up to it."""

    tokens_usd: Decimal
    price_usd: Decimal
    rest_usd: Decimal


@dataclass(slots=True)
class Row:
    """What both sides say of a model on a UTC day. Differences are the ledger's figure less the bill's.

    `usd` and `billed_usd` are totals, beyond components too; None is not told. `tells_tokens` says whether the bill
    has tokens at all. `rounded_lines` counts the bill's lines of whole cents.
    """

    day: date
    model: str
    names: set[str] = field(default_factory=set)
    billed_names: set[str] = field(default_factory=set)
    ledger: dict[str, Amount] = field(default_factory=dict)
    bill: dict[str, Amount] = field(default_factory=dict)
    calls: int = 0
    billed_calls: Decimal | None = None
    unpriced_calls: int = 0
    estimated_tokens: int = 0
    usd: Decimal = _ZERO
    billed_usd: Decimal | None = None
    tells_tokens: bool = False
    rounded_lines: int = 0
    terms: set[str] = field(default_factory=set)

    @property
    def is_fee(self) -> bool:
        """Whether the bill's line is for no call of a model, such as storage: the ledger knows nothing of it."""
        return (
            not self.names and not any(name in ORDER or not name for name in self.bill) and self.model != WEB_SEARCHES
        )

    @property
    def components(self) -> Sequence[str]:
        """The buckets of tokens that either side has."""
        return [name for name in ORDER if name in self.ledger or name in self.bill]

    @property
    def tokens(self) -> Decimal:
        """All tokens of the ledger."""
        return self._sum(self.ledger)

    @property
    def billed_tokens(self) -> Decimal | None:
        """All tokens of the bill, None where it tells none."""
        return self._sum(self.bill) if self.tells_tokens else None

    def missing(self, component: str) -> Decimal:
        """Tokens that the ledger has more than the bill."""
        held, billed = (side.get(component, NOTHING).tokens or _ZERO for side in (self.ledger, self.bill))
        return held - billed

    @property
    def difference_usd(self) -> Decimal | None:
        """What the ledger has more than the bill, None where the bill has no amount."""
        return None if self.billed_usd is None else self.usd - self.billed_usd

    @property
    def drift(self) -> Decimal | None:
        """The difference as a share of the bill: of its dollars where it tells them, else of its tokens.

        None when the bill has nothing and the ledger has.
        """
        if self.difference_usd is not None and self.billed_usd is not None:
            return _share(self.difference_usd, self.billed_usd)
        return _share(self.tokens - (self.billed_tokens or _ZERO), self.billed_tokens or _ZERO)

    def agrees(self, tolerance: Decimal) -> bool:
        """Whether dollars, where told, and tokens of every bucket, where told, differ by no more than a share."""
        return self._dollars_agree(tolerance) and self.tokens_agree(tolerance)

    def tokens_agree(self, tolerance: Decimal) -> bool:
        """Whether the buckets differ by no more than a share of all tokens."""
        if not self.tells_tokens:
            return True
        off = sum((abs(self.missing(name)) for name in self.components), _ZERO)
        return off <= tolerance * (self.billed_tokens or _ZERO)

    def _dollars_agree(self, tolerance: Decimal) -> bool:
        if self.difference_usd is None or self.billed_usd is None:
            return not self.unpriced_calls
        slack = tolerance * abs(self.billed_usd) + _CENT_ROUNDING * self.rounded_lines
        return abs(self.difference_usd) <= slack

    def split(self) -> Split | None:
        """The difference by tokens (at the ledger's price, or the bill's where it has none), by price, and the rest."""
        whole = self.difference_usd
        if whole is None:
            return None
        if self.tells_tokens and (not self.tokens or not self.billed_tokens):
            return Split(whole, _ZERO, _ZERO)
        tokens = self._of_tokens() if self.tells_tokens else _ZERO
        price = self._of_prices() if self.tells_tokens else _ZERO
        return Split(tokens, price, whole - tokens - price)

    def _of_tokens(self) -> Decimal:
        prices = {name: self._price(name) for name in self.components}
        return sum((self.missing(name) * price for name, price in prices.items() if price is not None), _ZERO)

    def _price(self, name: str) -> Decimal | None:
        held = self.ledger.get(name, NOTHING).usd_each
        return self.bill.get(name, NOTHING).usd_each if held is None else held

    def _of_prices(self) -> Decimal:
        """At our prices less at theirs, for the tokens they billed: by bucket where told so, else as a whole."""
        at_ours = {name: self._billed_at_ours(name) for name in self.bill if name in ORDER}
        apart = {name for name in at_ours if self.bill[name].usd is not None}
        if apart:
            return sum(
                (
                    ours - (self.bill[name].usd or _ZERO)
                    for name, ours in at_ours.items()
                    if name in apart and ours is not None
                ),
                _ZERO,
            )
        if self.billed_usd is None or any(ours is None for ours in at_ours.values()):
            return _ZERO
        return sum((ours for ours in at_ours.values() if ours is not None), _ZERO) - self.billed_usd

    def _billed_at_ours(self, name: str) -> Decimal | None:
        each, tokens = self.ledger.get(name, NOTHING).usd_each, self.bill[name].tokens
        return None if each is None or tokens is None else each * tokens

    @property
    def price_ratio(self) -> Decimal | None:
        """The bill's prices over the ledger's, for the tokens that were billed; None where either is not known."""
        split = self.split()
        if split is None or self.billed_usd is None or not self.tells_tokens:
            return None
        named = [name for name in self.bill if name in ORDER and self.bill[name].usd is not None]
        billed = sum((self.bill[name].usd or _ZERO for name in named), _ZERO) if named else self.billed_usd
        ours = billed + split.price_usd
        return billed / ours if ours else None

    def _sum(self, side: Mapping[str, Amount]) -> Decimal:
        return sum((side[name].tokens or _ZERO for name in side if name in ORDER), _ZERO)


def total(rows: Iterable[Row]) -> tuple[Decimal, Decimal | None]:
    """The dollars of all rows: the ledger's and the bill's, which is None where no row has any."""
    told = list(rows)
    billed = [row.billed_usd for row in told if row.billed_usd is not None]
    return sum((row.usd for row in told), _ZERO), sum(billed, _ZERO) if billed else None


def _share(difference: Decimal, whole: Decimal) -> Decimal | None:
    if not difference:
        return _ZERO
    return difference / abs(whole) if whole else None

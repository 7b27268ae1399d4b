"""What a call will cost, worked out before it is made and cheaply enough for every call."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Final, NamedTuple

from spanmeter import semconv
from spanmeter.budget.picos import picos_of
from spanmeter.budget.sent import Sent
from spanmeter.budget.size import OutputLimit
from spanmeter.estimate.families import Family, family_of
from spanmeter.opening import Opening
from spanmeter.price import Price
from spanmeter.pricing import PriceKey, Usage

OUTPUT_TOKENS: Final = 16_384
"""Taken for the longest answer of a model where neither the call nor the framework names a limit."""
BYTES_PER_TOKEN: Final = 3
"""Of a prompt. English has 4.5, code 3.5, Chinese 4.5, JSON 3: more tokens are reserved than most prompts have."""
SURE_BYTES_PER_TOKEN: Final = 6
"""No fewer tokens than this are in any text of a language."""
LONGEST_MARGIN: Final = 1.5
"""An answer without a limit of the application's own is taken to be so much longer than the longest of late."""
FORGETTING: Final = 0.98
"""What remains of the longest answer with each shorter one after it: half after 35."""
LONG_PROMPT_TOKENS: Final = 100_000
"""From here on some models' prices rise, so that a prompt is priced as a whole."""
KEPT_S: Final = 60.0
"""How long the rates of a model are kept: prices change at midnight, if ever."""
MAX_KEPT: Final = 1024
_A_THOUSAND: Final = 1000


Asked = tuple[str, str, str]
"""An operation, a provider and a model."""


class Likely(NamedTuple):
    """Trillionths of a dollar: what a call will cost at `most`, and what its prompt alone costs for `sure`."""

    most: int
    sure: int


UNKNOWN: Final = Likely(0, 1)
"""A call of which nobody knows what it will cost: nothing can be reserved, but it is not free."""


class _Rates(NamedTuple):
    """Trillionths of a dollar for a request as such, and for each token."""

    fixed: int
    input: int
    cached: int
    output: int


_Place = tuple[str, str, str, str, str]
"""An operation, a provider, a model, a region and a tenant: what the price of a token depends on."""


class _Known(NamedTuple):
    """What is known of calls to a model, and until when."""

    until_s: float
    rates: _Rates | None
    asked: Asked
    key: PriceKey
    family: Family
    generates: bool


class Forecast:
    """Says what calls will cost, from their size, the prices and how long the model's answers were of late."""

    def __init__(self, price: Price) -> None:
        self._price = price
        self._known: dict[_Place, _Known] = {}
        self._longest: dict[Asked, float | None] = {}

    def likely(self, opening: Opening, model: str, sent: Sent, *, tenant: str) -> Likely | None:
        """What a call will cost if `model` is asked; None when that model has no price."""
        place = (opening.operation, opening.provider, model, opening.region, tenant)
        known = self._known.get(place)
        if known is None or known.until_s < monotonic():
            known = self._keep(place)
        rates, longest = known.rates, self._longest.get(known.asked, 0.0)
        if rates is None or longest is None:
            return None
        tokens = _prompt_tokens(sent, known.family, generates=known.generates)
        output = _output_tokens(sent.limit, longest) if known.generates else 0
        if tokens > LONG_PROMPT_TOKENS:
            return self._whole(known.key, tokens, output, rates)
        sure = rates.fixed + sent.size // SURE_BYTES_PER_TOKEN * (rates.cached if known.generates else rates.input)
        return Likely(rates.fixed + tokens * rates.input + output * rates.output, sure)

    def learn(self, asked: Asked, output_tokens: int | None) -> None:
        """Note how many tokens an answer had; None where the model that answered has no price."""
        before = self._longest.get(asked, 0.0)
        if len(self._longest) >= MAX_KEPT and asked not in self._longest:
            self._longest.clear()
        self._longest[asked] = None if output_tokens is None else max(output_tokens, (before or 0.0) * FORGETTING)

    def _keep(self, place: _Place) -> _Known:
        operation, provider, model, region, tenant = place
        key = PriceKey(provider, model, "", "", region, tenant)
        generates = operation in semconv.GENERATION_OPERATIONS
        rates = self._read(key, generates=generates)
        if rates is None and operation == "rerank":
            rates = self._searched(key)
        if len(self._known) >= MAX_KEPT:
            self._known.clear()
        family = family_of(f"{provider}/{model}")
        known = _Known(monotonic() + KEPT_S, rates, place[:3], key, family, generates)
        self._known[place] = known
        return known

    def _searched(self, key: PriceKey) -> _Rates | None:
        """What a rerank costs that is billed by searches, of which one is up to a hundred documents."""
        once = self._picos(key, Usage(rerank_searches=1))
        return None if once is None else _Rates(once, 0, 0, 0)

    def _read(self, key: PriceKey, *, generates: bool) -> _Rates | None:
        """Take a model's rates apart, None when one that every such call pays is not known."""
        once, twice = (self._picos(key, Usage(input=count)) for count in (_A_THOUSAND, 2 * _A_THOUSAND))
        if once is None or twice is None:
            return None
        fixed = max(0, 2 * once - twice)
        cached = self._picos(key, Usage(cache_read=_A_THOUSAND))
        answered = self._picos(key, Usage(input=_A_THOUSAND, output=_A_THOUSAND)) if generates else once
        if answered is None:
            return None
        read = once if cached is None else min(cached, once)
        return _Rates(fixed, _each(twice - once), max(0, read - fixed) // _A_THOUSAND, _each(answered - once))

    def _whole(self, key: PriceKey, tokens: int, output: int, rates: _Rates) -> Likely:
        most = self._picos(key, Usage(input=tokens, output=output))
        sure = rates.fixed + tokens * BYTES_PER_TOKEN // SURE_BYTES_PER_TOKEN * rates.cached
        return Likely(rates.fixed + tokens * rates.input + output * rates.output if most is None else most, sure)

    def _picos(self, key: PriceKey, usage: Usage) -> int | None:
        usd = self._price(key, usage, at=datetime.now(UTC)).usd
        return None if usd is None else picos_of(usd)


def _prompt_tokens(sent: Sent, family: Family, *, generates: bool) -> int:
    tokens = int(sent.size / BYTES_PER_TOKEN * family.factor) + 1
    return tokens + family.per_chat + family.per_message * sent.messages if generates else tokens


def _output_tokens(limit: OutputLimit, longest: float) -> int:
    tokens, firm = limit
    most = OUTPUT_TOKENS if tokens is None else tokens
    return most if firm or not longest else min(most, int(longest * LONGEST_MARGIN) + 16)


def _each(picos: int) -> int:
    return -(-picos // _A_THOUSAND)

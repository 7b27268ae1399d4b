"""A bill: all that one call adds to the ledger, in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from spanmeter import semconv
from spanmeter.pricing import PriceBook, PriceKey, Usage
from spanmeter.pricing.money import MONEY
from spanmeter.pricing.reading import Part
from spanmeter.pricing.usage import INPUT_BUCKETS, OUTPUT_BUCKETS, UNITS
from spanmeter.pricing.whole import WholeCost, whole_together
from spanmeter_collector.charge import Charge
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row
from spanmeter_collector.sighting import is_our_scope

_NO_USAGE: Final = Usage()
_NO_COST: Final = WholeCost(None, "unpriced")
_SECOND_NS: Final = 1_000_000_000
_MILLISECOND_NS: Final = 1_000_000
_OTHER_MODEL: Final = "@"
_MOST_LAYOUTS: Final = 1024
_LARGEST: Final = 2**63 - 1
UNKNOWN: Final = -1
"""Stands for a price or an amount that is not known."""
_NOTHING: Final = Decimal(0)
_INPUT, _CACHED, _OUTPUT, _REASONING = 1, 2, 4, 8
_CACHED_BUCKETS: Final = frozenset({"cache_read", "cache_read_audio", "cache_read_image"})
_KINDS: Final[Mapping[str, tuple[str, int]]] = {
    **{bucket: (unit, 0) for bucket, unit in UNITS.items()},
    **{bucket: ("token", _INPUT | _CACHED * (bucket in _CACHED_BUCKETS)) for bucket in INPUT_BUCKETS},
    **{bucket: ("token", _OUTPUT | _REASONING * (bucket == "reasoning")) for bucket in OUTPUT_BUCKETS},
    "compute_ms": ("millisecond", 0),
}
"""The unit of each bucket, and which tokens are counted in it."""
_OTHER_KIND: Final = ("call", 0)
_of_call: Final = attrgetter("start_time", "trace_id", "span_id")
_of_whom: Final = attrgetter(
    "service", "framework", "operation", "provider", "model", "user", "session", "tenant", "feature", "team"
)


class Bill(NamedTuple):
    """One row of table `bills_1`, of which the engine makes entries of the ledger; every field is a column.

    The lists have an item for each entry, the first of which is the call's own. `attos` are what one costs in 1e-18,
    `picos` what all of it costs in 1e-12 US dollars; -1 stands for what is not known.
    """

    time: int
    trace_id: bytes
    span_id: bytes
    recorded_at: int
    calls: int
    failed_calls: int
    cache_hits: int
    unpriced_calls: int
    grade: str
    price_version: str
    service: str
    framework: str
    operation: str
    provider: str
    model: str
    user: str
    session: str
    tenant: str
    feature: str
    team: str
    counted_by: str
    ended_at: int
    tags: Mapping[str, str]
    components: Sequence[str]
    quantities: Sequence[int]
    units: Sequence[str]
    tokens: Sequence[int]
    attos: Sequence[int]
    picos: Sequence[int]

    @property
    def usd(self) -> Decimal | None:
        """What the call costs; None when it is not known."""
        return None if UNKNOWN in self.picos else _usd(sum(self.picos))

    @property
    def fits(self) -> bool:
        """Whether the table has room for its amounts; its entries always fit in the ledger."""
        return max(self.attos) <= _LARGEST and max(self.picos) <= _LARGEST

    def charges(self) -> Iterator[Charge]:
        """The entries one by one."""
        head = (self.time, self.recorded_at, "charge", self.trace_id, self.span_id)
        about = self[_GRADE : _TAGS + 1]
        counts = (self.calls, self.failed_calls, self.cache_hits, self.unpriced_calls)
        for component, quantity, unit, tokens, attos, picos in zip(*self[_TAGS + 1 :], strict=True):
            among = (quantity if tokens & kind else 0 for kind in (_INPUT, _CACHED, _OUTPUT, _REASONING))
            each = None if attos == UNKNOWN else Decimal(attos).scaleb(-18, MONEY)
            usd = None if picos == UNKNOWN else _usd(picos)
            yield Charge._make((*head, component, *counts, *among, quantity, unit, each, usd, *about))
            counts = (0, 0, 0, 0)


_GRADE: Final = Bill._fields.index("grade")
_TAGS: Final = Bill._fields.index("tags")


def _usd(picos: int) -> Decimal:
    return Decimal(picos).scaleb(-12, MONEY) if picos else _NOTHING


def charges(row: Row, reading: Reading, book: PriceBook, *, recorded_at: int) -> list[Charge]:
    """The entries of a span's bill; none where it has no bill."""
    made = bill(row, reading, book, recorded_at=recorded_at)
    return [] if made is None else list(made.charges())


def bill(row: Row, reading: Reading, book: PriceBook, *, recorded_at: int) -> Bill | None:
    """What a span adds to the ledger: for a call one entry with its counts, and one for each price component.

    Spans that are no calls, wrappers and spans inside a counted call add nothing. A failed call is billed only for
    usage it reports, a cancelled one counts only with usage, a cache hit costs nothing. An answered call without
    usage is unpriced.
    The amounts add up to the cost exactly.
    """
    if row.wrapper or reading.inside_call:
        return None
    return unmarked_bill(row, reading, book, recorded_at=recorded_at)


def unmarked_bill(row: Row, reading: Reading, book: PriceBook, *, recorded_at: int) -> Bill | None:
    """What a span would add to the ledger if its own sender did not say that its call is counted elsewhere."""
    if row.operation not in semconv.CALL_OPERATIONS:
        return None
    if reading.cache_hit:
        return _bill(row, reading, recorded_at, (0, 0, 1, 0))
    failed = int(row.status == "error")
    answered = 1 - failed if reading.calls is None else reading.calls
    silent = reading.usage is None and reading.reported_usd is None
    if silent and (failed or not answered or row.status == "cancelled"):
        return _bill(row, reading, recorded_at, (0, 1, 0, 0)) if failed else None
    cost = _NO_COST if silent else _cost(row, reading, book)
    counts = (answered, failed, 0, answered if cost.picos is None else 0)
    return _bill(row, reading, recorded_at, counts, cost, book.version)


def _bill(  # noqa: PLR0913, PLR0917  what a bill is made of
    row: Row,
    reading: Reading,
    recorded_at: int,
    counts: tuple[int, int, int, int],
    cost: WholeCost | None = None,
    version: str = "",
) -> Bill:
    if cost is None:
        counted: tuple[Any, ...] = (("call",), [0], ("call",), (0,), [UNKNOWN], [0])
    else:
        components, units, tokens = _named(tuple(cost.labels))
        attos = [UNKNOWN, *(UNKNOWN if each is None else each for each in cost.attos)]
        unbilled = UNKNOWN if cost.picos is None else 0
        picos = [unbilled, *(UNKNOWN if amount is None else amount for amount in cost.amounts)]
        counted = (components, [counts[0], *cost.counts], units, tokens, attos, picos)
    grade = "" if cost is None else cost.grade
    whom = *_of_whom(row), row.instance if is_our_scope(row.scope) else "", _ended_at(row)
    return Bill._make((*_of_call(row), recorded_at, *counts, grade, version, *whom, reading.tags, *counted))


def _ended_at(row: Row) -> int:
    return (row.start_time + row.duration_ns) // _MILLISECOND_NS


def tokens_of(labels: Sequence[str]) -> list[int]:
    """Which tokens each component is, as table `bills_1` says it."""
    return [_KINDS[label][1] for label in labels]


@lru_cache(_MOST_LAYOUTS)
def _named(labels: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """The components of a bill, their units, and which tokens they are."""
    kinds = [_KINDS.get(label.partition(_OTHER_MODEL)[0], _OTHER_KIND) for label in labels]
    return ("call", *labels), ("call", *(unit for unit, _ in kinds)), (0, *(tokens for _, tokens in kinds))


def _cost(row: Row, reading: Reading, book: PriceBook) -> WholeCost:
    """The cost with a line for all that was used: of a call that is billed by parts, for each part's own."""
    whole = Part(reading.usage or _NO_USAGE)
    cost = _part_cost(row, reading, whole, book, duration_ns=row.duration_ns, reported_usd=reading.reported_usd)
    if cost.grade == "reported" or not reading.parts:
        return cost
    times = (row.duration_ns, *(0 for _ in reading.parts[1:]))  # what is paid by time is paid once
    parts = zip(reading.parts, times, strict=True)
    return whole_together([_part_cost(row, reading, part, book, duration_ns=time) for part, time in parts])


def _part_cost(  # noqa: PLR0913  a part of a call, and what it cost as told
    row: Row, reading: Reading, part: Part, book: PriceBook, *, duration_ns: int, reported_usd: Decimal | None = None
) -> WholeCost:
    model = part.model or row.model
    cost = book.whole(
        PriceKey(row.provider, model, "", reading.service_tier, reading.region, row.tenant),
        part.usage,
        at=datetime.fromtimestamp((row.start_time + row.duration_ns) // _SECOND_NS, UTC),
        reported_usd=reported_usd,
        estimated=reading.estimated,
        duration_ns=duration_ns,
    )
    if model == row.model:
        return cost
    return cost._replace(labels=[f"{label}{_OTHER_MODEL}{model}" for label in cost.labels])

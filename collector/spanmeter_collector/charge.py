"""Charges: the entries of the ledger that a call makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple

from spanmeter import semconv
from spanmeter.pricing import Component, Cost, PriceBook, PriceKey, Usage
from spanmeter.pricing.cost import together
from spanmeter.pricing.reading import Part
from spanmeter.pricing.usage import INPUT_BUCKETS, OUTPUT_BUCKETS, UNITS
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row

_ZERO: Final = Decimal(0)
_NO_USAGE: Final = Usage()
_EXACT: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PLACES: Final = Decimal("1e-12")
_UNIT_PLACES: Final = Decimal("1e-18")
_MILLIONTH: Final = Decimal("1e-6")
_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})
_CACHED: Final = frozenset({"cache_read", "cache_read_audio", "cache_read_image"})
_UNITS: Final = {
    **UNITS,
    **dict.fromkeys((*INPUT_BUCKETS, *OUTPUT_BUCKETS), "token"),
    "compute_ms": "millisecond",
}
_OTHER_MODEL: Final = "@"


class Charge(NamedTuple):
    """One row of table `charges`; every field is a column of that name.

    `time` counts nanoseconds and `recorded_at` milliseconds since 1970 in UTC. `usd` is None when no price is known.
    """

    time: int
    recorded_at: int
    entry: str
    trace_id: bytes
    span_id: bytes
    component: str
    calls: int = 0
    failed_calls: int = 0
    cache_hits: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    quantity: int = 0
    unit: str = "call"
    usd_per_unit: Decimal | None = None
    usd: Decimal | None = Decimal(0)
    grade: str = ""
    price_version: str = ""
    service: str = ""
    framework: str = ""
    operation: str = ""
    provider: str = ""
    model: str = ""
    user: str = ""
    session: str = ""
    tenant: str = ""
    feature: str = ""
    team: str = ""
    tags: Mapping[str, str] = _NO_TAGS


def _columns(first: str, last: str) -> itemgetter[slice]:
    return itemgetter(slice(Charge._fields.index(first), Charge._fields.index(last) + 1))


_call: Final = _columns("time", "span_id")
_what: Final = _columns("trace_id", "component")
_recorded_at: Final = attrgetter("recorded_at")
_amounts: Final = _columns("calls", "quantity")
_about: Final = _columns("grade", "tags")
_said: Final = _columns("trace_id", "tags")
billed: Final = _columns("component", "grade")
"""The fields that say how much, whosever call it is and whenever it was recorded."""


def charges(row: Row, reading: Reading, book: PriceBook, *, recorded_at: int) -> list[Charge]:
    """What a span adds to the ledger: for a call one entry with its counts, and one for each price component.

    Spans that are no calls, wrappers and spans inside a counted call add nothing. A failed call is billed only for
    usage it reports, a cancelled one counts only with usage, a cache hit costs nothing. An answered call without
    usage is unpriced.
    The amounts add up to the cost exactly.
    """
    if row.wrapper or reading.inside_call:
        return []
    return unmarked_charges(row, reading, book, recorded_at=recorded_at)


def unmarked_charges(row: Row, reading: Reading, book: PriceBook, *, recorded_at: int) -> list[Charge]:
    """What a span would add to the ledger if its own sender did not say that its call is counted elsewhere."""
    if row.operation not in semconv.CALL_OPERATIONS:
        return []
    call = _blank(row, reading, recorded_at)
    if reading.cache_hit:
        return [call._replace(cache_hits=1)]
    failed = int(row.status == "error")
    answered = 1 - failed if reading.calls is None else reading.calls
    silent = reading.usage is None and reading.reported_usd is None
    if silent and (failed or not answered or row.status == "cancelled"):
        return [call._replace(failed_calls=1)] if failed else []
    cost = _cost(row, reading, book)
    call = call._replace(
        calls=answered,
        failed_calls=failed,
        unpriced_calls=answered if cost.usd is None else 0,
        quantity=answered,
        usd=_unbilled(cost),
        grade=cost.grade,
        price_version=cost.price_version,
    )
    return [call, *(_component(call, component, cost) for component in cost.components)]


def reversal(charge: Charge, *, recorded_at: int) -> Charge:
    """The entry that takes another one back: the same with all its numbers negative."""
    usd = None if charge.usd is None else -charge.usd
    amounts = [-amount for amount in _amounts(charge)]
    each = charge.unit, charge.usd_per_unit
    return Charge._make((charge.time, recorded_at, "reversal", *_what(charge), *amounts, *each, usd, *_about(charge)))


def standing(entries: Iterable[Charge]) -> list[Charge]:
    """The entries that no reversal has taken back; of equal ones the latest stand, in whatever order they come."""
    left: list[Charge] = []
    reversals: list[Charge] = []
    for entry in sorted(entries, key=_recorded_at):
        (reversals if entry.entry == "reversal" else left).append(entry)
    for taken_back in reversals:
        meant = _said(reversal(taken_back, recorded_at=0))
        same = (place for place, entry in enumerate(left) if _said(entry) == meant and entry.time == taken_back.time)
        match = next(same, None)
        if match is not None:
            del left[match]
    return left


def _blank(row: Row, reading: Reading, recorded_at: int) -> Charge:
    return Charge(
        time=row.start_time,
        recorded_at=recorded_at,
        entry="charge",
        trace_id=row.trace_id,
        span_id=row.span_id,
        component="call",
        service=row.service,
        framework=row.framework,
        operation=row.operation,
        provider=row.provider,
        model=row.model,
        user=row.user,
        session=row.session,
        tenant=row.tenant,
        feature=row.feature,
        team=row.team,
        tags=reading.tags,
    )


def _unbilled(cost: Cost) -> Decimal | None:
    """What of the cost is in none of its components as the ledger rounds them; None when it is not known."""
    rest = cost.usd
    for component in cost.components:
        if rest is not None and component.usd is not None:
            rest = _EXACT.subtract(rest, _EXACT.quantize(component.usd, _PLACES))
    return rest


def _cost(row: Row, reading: Reading, book: PriceBook) -> Cost:
    """The cost with a component for all that was used: of a call that is billed by parts, for each part's own."""
    if reading.usage is None and reading.reported_usd is None:
        return Cost(None, "unpriced", (), book.version, "the span carries no usage")
    whole = Part(reading.usage or _NO_USAGE)
    cost = _part_cost(row, reading, whole, book, duration_ns=row.duration_ns, reported_usd=reading.reported_usd)
    if cost.grade == "reported" or not reading.parts:
        return cost
    times = (row.duration_ns, *(0 for _ in reading.parts[1:]))  # what is paid by time is paid once
    parts = zip(reading.parts, times, strict=True)
    return together([_part_cost(row, reading, part, book, duration_ns=time) for part, time in parts])


def _part_cost(  # noqa: PLR0913  a part of a call, and what it cost as told
    row: Row, reading: Reading, part: Part, book: PriceBook, *, duration_ns: int, reported_usd: Decimal | None = None
) -> Cost:
    key = PriceKey(
        row.provider,
        part.model or row.model,
        service_tier=reading.service_tier,
        region=reading.region,
        tenant=row.tenant,
    )
    cost = book.cost(
        key,
        part.usage,
        at=datetime.fromtimestamp((row.start_time + row.duration_ns) // 1_000_000_000, UTC),
        reported_usd=reported_usd,
        estimated=reading.estimated,
        duration_s=_EXACT.scaleb(Decimal(duration_ns), -9),
    )
    suffix = f"{_OTHER_MODEL}{part.model}" if part.model not in ("", row.model) else ""
    components = tuple(_components(part.usage, cost, suffix))
    return cost if components == cost.components else replace(cost, components=components)


def _components(usage: Usage, cost: Cost, suffix: str) -> Iterator[Component]:
    """The components of the cost, and the usage that none of them bills, so that every token is in the ledger."""
    billed = [component.label for component in cost.components]
    free = _ZERO if cost.usd is not None else None
    unbilled = [Component(label, count, None, None, free) for label, count in usage.filled() if label not in billed]
    for component in (*cost.components, *unbilled):
        yield replace(component, label=component.label + suffix) if suffix else component


def _component(call: Charge, component: Component, cost: Cost) -> Charge:
    bucket, count = component.label.partition(_OTHER_MODEL)[0], component.count
    is_input, is_output = bucket in INPUT_BUCKETS, bucket in OUTPUT_BUCKETS
    usd = None if cost.usd is None or component.usd is None else _EXACT.quantize(component.usd, _PLACES)
    amounts = (
        *(0, 0, 0, 0),
        count if is_input else 0,
        count if bucket in _CACHED else 0,
        count if is_output else 0,
        count if bucket == "reasoning" else 0,
        count,
    )
    unit = _UNITS.get(bucket, "call")
    return Charge._make((*_call(call), component.label, *amounts, unit, _usd_per_unit(component), usd, *_about(call)))


def _usd_per_unit(component: Component) -> Decimal | None:
    if component.usd_per_mtok is not None:
        return _EXACT.quantize(_EXACT.multiply(component.usd_per_mtok, _MILLIONTH), _UNIT_PLACES)
    return None if component.usd_per_unit is None else _EXACT.quantize(component.usd_per_unit, _UNIT_PLACES)

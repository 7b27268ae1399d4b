"""Rollups: what the engine adds up while it stores, and which of them can answer a question.

Each is a table that a materialised view fills from the spans, the ledger or a finer rollup. Sums of a rollup are those
of its source to the last digit, and merging its sketches gives the percentiles of a t-digest. What a rollup sums never
changes; one that sums something else has another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import Template
from typing import Final, Literal

from spanmeter import semconv
from spanmeter_collector.statement import read_sql
from spanmeter_collector.times import Period

Cut = Literal["hour", "day", "month"]
NANOSECONDS: Final = 1_000_000_000
STANDARD_OPERATIONS: Final = sorted(
    semconv.CALL_OPERATIONS | {"retrieval", "execute_tool", "invoke_agent", "invoke_workflow"}
)
LENGTHS: Final = {"hour": timedelta(hours=1), "day": timedelta(days=1)}
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND: Final = 2**32 - 1
_CUTS: Final[Mapping[Cut, str]] = {"hour": "toStartOfHour", "day": "toStartOfDay"}
_LEDGER_DIMENSIONS: Final = (
    *("service", "framework", "operation", "provider", "model", "grade", "component", "price_version"),
    *("tenant", "feature", "team", "user"),
)
_SHAPES: Final = {
    "charge_sums": (_LEDGER_DIMENSIONS, "charges.time"),
    "span_sums": (("service", "framework", "operation", "provider", "model", "user"), "start_time"),
}
"""The dimensions of each table that holds several rollups, and the time of what it sums."""


@dataclass(frozen=True, slots=True)
class Rollup:
    """Sums over a length of time: what they are made of, and what they can be grouped and filtered by.

    It is a table, or the level of that name in a `table` of several.
    """

    name: str
    source: str
    cut: Cut
    dimensions: tuple[str, ...] = ()
    table: str = ""

    @property
    def place(self) -> str:
        """The table that holds its rows."""
        return self.table or self.name

    @property
    def its_rows(self) -> str:
        """The condition that its rows meet in the table that holds them."""
        return f"{self.place}.level = '{self.name}'" if self.table else "true"

    @property
    def source_time(self) -> str:
        """The column of its source that says when what it sums began."""
        return f"{self.source}.{'start_time' if self.source == 'spans' else 'time'}"

    @property
    def of_source(self) -> str:
        """The condition that the rows meet that it sums, of the table of rollups it is made of."""
        return f"{self.source}.level = 'components_by_hour'" if self.source in _SHAPES else "true"

    def select(self, where: str) -> str:
        """The question to the source that gives the rows of this rollup; `where` is made of words of ours."""
        return _select((self,), where)

    def covers(self, names: AbstractSet[str]) -> bool:
        """Whether it can be grouped and filtered by all of these."""
        times = {"hour", "day"} if self.cut == "hour" else {self.cut}
        return names <= times.union(self.dimensions)


_CALL: Final = ("service", "framework", "operation", "provider", "model")
_CALLS: Final = (*_CALL, "grade", "price_version")
ROLLUPS: Final = (
    Rollup("components_by_day", "charges", "day", ("provider", "model", "grade", "component"), "charge_sums"),
    Rollup("calls_by_day", "charges", "day", _CALLS, "charge_sums"),
    Rollup("models_by_hour", "charges", "hour", ("provider", "model"), "charge_sums"),
    Rollup("tenants_alone_by_hour", "charges", "hour", ("tenant",), "charge_sums"),
    Rollup("features_alone_by_hour", "charges", "hour", ("feature",), "charge_sums"),
    Rollup("calls_by_hour", "charges", "hour", _CALLS, "charge_sums"),
    Rollup("components_by_hour", "charges", "hour", (*_CALL, "grade", "component"), "charge_sums"),
    Rollup("payers_by_day", "charges", "day", ("user", "tenant"), "charge_sums"),
    Rollup("tenants_by_hour", "charges", "hour", (*_CALL, "grade", "tenant", "feature", "team"), "charge_sums"),
    Rollup("operations_by_day", "spans", "day", ("operation",), "span_sums"),
    Rollup("operations_by_hour", "spans", "hour", ("operation",), "span_sums"),
    Rollup("spans_by_day", "spans", "day", _CALL, "span_sums"),
    Rollup("users_by_day", "spans", "day", ("user",), "span_sums"),
    Rollup("spans_by_hour", "spans", "hour", _CALL, "span_sums"),
    Rollup("ledger_totals", "charge_sums", "month"),
    Rollup("span_totals_by_day", "spans", "day"),
    Rollup("span_totals", "span_totals_by_day", "month"),
    Rollup("duplicate_totals", "duplicates", "month"),
)
"""Every rollup, sources before what is made of them, small ones first."""
NAMED: Final = {rollup.name: rollup for rollup in ROLLUPS}
PLACES: Final = tuple(dict.fromkeys(rollup.place for rollup in ROLLUPS))
"""The tables of rollups, sources before what is made of them."""
FORMER: Final = frozenset(
    {"calls_by_hour", "components_by_hour", "tenants_by_hour", "spans_by_hour", "operations_by_hour", "users_by_day"}
)
"""Rollups that were tables of their own in older stores; calls were not told apart by price version."""
LEDGER: Final = tuple(rollup for rollup in ROLLUPS if rollup.table == "charge_sums")
"""Those that answer what calls cost, small ones first."""
LATENCY: Final = tuple(rollup for rollup in ROLLUPS if rollup.table == "span_sums")
"""Those that answer how long spans took, small ones first."""


def view(place: str) -> str:
    """The name of the materialised view that fills a table of rollups."""
    return f"{place}_fill"


FORMER_VIEWS: Final = (
    "ledger_sums_fill",
    "ledger_sums_view",
    *(f"{place}_view" for place in (*sorted(FORMER), *PLACES)),
)
"""The views of older stores, one for each of their tables."""


def create_view(place: str) -> str:
    """The statement that makes the view, unless it is there: one for all levels of a table, for each costs planning."""
    return f"CREATE MATERIALIZED VIEW IF NOT EXISTS {view(place)} TO {place} AS {_filling(place, 'true')}"


def rollups_sql() -> str:
    """The statements that make all rollups and their views on a server; an empty one is filled from what is stored."""
    forget = (f"DROP VIEW IF EXISTS {name}" for name in FORMER_VIEWS)
    fill = (f"INSERT INTO {place}\n{_filling(place, f'(SELECT count() FROM {place}) = 0')}" for place in PLACES)  # noqa: S608
    return ";\n".join([read_sql("rollups"), *forget, *fill, *map(create_view, PLACES)])


def _filling(place: str, where: str) -> str:
    return _select([rollup for rollup in ROLLUPS if rollup.place == place], where)


def _select(levels: Sequence[Rollup], where: str) -> str:
    text = Template(read_sql(f"rollup_{levels[0].place}"))
    return text.substitute({**_WORDS, **(_levelled(levels) if levels[0].table else {})}, where=where)


def _levelled(levels: Sequence[Rollup]) -> dict[str, str]:
    """The words that group the rows of a source at several levels in one go.

    `grouping` tells of each level which of all dimensions it leaves out, as the bits of a number.
    """
    fixed, time = _SHAPES[levels[0].table]
    every = [name for name in fixed if any(name in level.dimensions for level in levels)]
    cuts = {cut: f"{_CUTS[cut]}({time})" for cut in dict.fromkeys(level.cut for level in levels)}
    always = ("wrapper",) if levels[0].source == "spans" else ()
    asked = [*cuts.values(), *every]
    keys = {level.name: [cuts[level.cut], *(name for name in every if name in level.dimensions)] for level in levels}
    masks = {"".join(str(int(one not in listed)) for one in asked): name for name, listed in keys.items()}
    numbers = ", ".join(str(int(bits, 2)) for bits in masks)
    names = ", ".join(f"'{name}'" for name in masks.values())
    return {
        "level": f"transform(grouping({', '.join(asked)}), [{numbers}], [{names}], '')",
        "began": _began(cuts),
        "dimensions": ", ".join(name if name in every else f"'' AS {name}" for name in fixed),
        "sets": ", ".join(f"({', '.join((*listed, *always))})" for listed in keys.values()),
    }


def _began(cuts: Mapping[Cut, str]) -> str:
    first, *others = cuts.values()
    return f"if(grouping({first}) = 0, {first}, {others[0]})" if others else first


@dataclass(frozen=True, slots=True)
class Source:
    """Where a question is asked: a table or a query, the condition on its rows, and the values bound in both.

    It is made of words of ours.
    """

    sql: str
    parameters: dict[str, object]
    within: str = "true"

    @property
    def fragments(self) -> dict[str, str]:
        """What a question's text has in place of `$source` and `$within`."""
        return {"source": self.sql, "within": self.within}


_BILLING: Final = "if(component = 'call', if(entry = 'reversal', -1, 1), 0)"
_OF_ENTRIES: Final = {
    "time": "toDateTime(charges.time, 'UTC') AS time",
    "billed": f"{_BILLING} * greatest(1, abs(charges.calls)) AS billed",
    "billed_priced": f"{_BILLING} * isNotNull(charges.usd) AS billed_priced",
    "entries": "toUInt64(1) AS entries",
}
"""What a rollup holds of one entry of the ledger, where it is no column of the entry's own."""
BILLED: Final = f"{_OF_ENTRIES['billed']}, {_OF_ENTRIES['billed_priced']}"
"""What a row of the ledger adds to the calls that stand in it, and to those of known price."""


def stored(table: str, period: Period, columns: str = "*") -> Source:
    """The rows of a table itself, for a period."""
    since, until = (f"fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')" for name in ("since", "until"))
    sql = f"(SELECT {columns} FROM {table} WHERE time >= {since} AND time < {until})"  # noqa: S608  words of ours
    return Source(sql, {"since": period.since_us, "until": period.until_us})


def chosen(rollups: Sequence[Rollup], names: Iterable[str], period: Period) -> Rollup | None:
    """The smallest rollup that can be grouped and filtered by these and has whole hours or days in the period."""
    asked = set(names)
    fitting = (rollup for rollup in rollups if rollup.covers(asked) and whole_of(rollup, period) is not None)
    return next(fitting, None)


def rolled_up(rollup: Rollup, period: Period, names: Iterable[str], columns: Sequence[str]) -> Source:
    """The rows of a rollup for a period, and of its source for the ends of the period that are no whole hours or days.

    `names` is what it is grouped and filtered by: what is left of a period beside its whole days may come from a rollup
    by the hour. The period has to hold at least one whole hour or day. What rollups hold all of is asked of their table
    itself, at several levels at once: each query that is put together with another costs the engine more than its rows.
    """
    finer = chosen([one for one in ROLLUPS if one.table == rollup.table and one.cut == "hour"], names, period)
    pieces = list(_pieces(rollup, finer, period))
    if all(piece is None for piece, _ in pieces):
        raise ValueError(f"{rollup.name} has nothing whole between {period.since} and {period.until}")
    parameters: dict[str, object] = {}
    for number, (piece, part) in enumerate(pieces):
        since, until = (second_of(part.since_us), second_of(part.until_us)) if piece else (part.since_us, part.until_us)
        parameters |= {f"since_{number}": since, f"until_{number}": until}
    within = " OR ".join(f"({_rows(piece, number)})" for number, (piece, _) in enumerate(pieces) if piece)
    ends = [_between(rollup.source_time, number) for number, (piece, _) in enumerate(pieces) if not piece]
    if not ends:
        return Source(rollup.place, parameters, f"({within})")
    listed = ", ".join(columns)
    whole = f"SELECT {listed} FROM {rollup.place} WHERE {within}"  # noqa: S608  words of ours
    rest = _rest(rollup, columns, f"({' OR '.join(ends)})")
    return Source(f"({whole} UNION ALL {rest})", parameters)


def _rest(rollup: Rollup, columns: Sequence[str], where: str) -> str:
    """What a rollup would hold of some rows of its source; the ledger's entries add up as they are."""
    if rollup.source != "charges":
        return f"SELECT {', '.join(columns)} FROM ({rollup.select(where)})"  # noqa: S608  words of ours
    listed = ", ".join(_OF_ENTRIES.get(name, name) for name in columns)
    return f"SELECT {listed} FROM charges WHERE {where}"  # noqa: S608  words of ours


def _pieces(rollup: Rollup | None, finer: Rollup | None, period: Period) -> Iterator[tuple[Rollup | None, Period]]:
    """Which rollup answers for which part of a period; None for the source itself."""
    whole = whole_of(rollup, period) if rollup else None
    if whole is None:
        yield from _pieces(finer, None, period) if finer else ((None, period),)
        return
    yield rollup, whole
    for since, until in ((period.since, whole.since), (whole.until, period.until)):
        if since < until:
            yield from _pieces(finer, None, Period(since=since, until=until))


def _rows(rollup: Rollup, number: int) -> str:
    since, until = (f"{{{name}_{number}:DateTime('UTC')}}" for name in ("since", "until"))
    return f"level = '{rollup.name}' AND time >= {since} AND time < {until}"


def second_of(microseconds: int) -> str:
    """A time as a rollup tells it, which knows none after 2106; of fewer digits the engine takes four for a year."""
    return f"{min(max(0, microseconds) // 1_000_000, _LAST_SECOND):010d}"


def _between(time: str, number: int) -> str:
    since, until = (f"fromUnixTimestamp64Micro({{{name}_{number}:Int64}}, 'UTC')" for name in ("since", "until"))
    return f"{time} >= {since} AND {time} < {until}"


def whole_of(rollup: Rollup, period: Period) -> Period | None:
    """The part of the period that is whole hours or days; None where it has none."""
    length = LENGTHS[rollup.cut]
    since = _EARLIEST - (_EARLIEST - period.since) // length * length
    until = _EARLIEST + (period.until - _EARLIEST) // length * length
    return Period(since=since, until=until) if since < until else None


def least_in_buckets(bounds: Iterable[float], *, scale: int) -> tuple[int, ...]:
    """The least whole number in each bucket of a histogram, whose bounds belong to the bucket below them."""
    return (0, *(round(bound * scale) + 1 for bound in bounds))


_WORDS: Final = {
    "tokens": str([*least_in_buckets(semconv.TOKEN_BUCKETS, scale=1)]),
    "durations": str([*least_in_buckets(semconv.DURATION_BUCKETS, scale=NANOSECONDS)]),
    "operations": ", ".join(f"'{operation}'" for operation in STANDARD_OPERATIONS),
}

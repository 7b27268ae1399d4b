"""Rollups: what the engine adds up while it stores, and which of them can answer a question.

Each is a table that a materialised view fills from the spans, the ledger or a finer rollup. Sums of a rollup are those
of its source to the last digit, and merging its sketches gives the percentiles of a t-digest. What a rollup sums never
changes; one that sums something else has another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True, slots=True)
class Rollup:
    """One table of sums: what fills it, over what length of time, and what it can be grouped and filtered by."""

    name: str
    source: str
    cut: Cut
    dimensions: tuple[str, ...] = ()
    base: str = ""

    @property
    def view(self) -> str:
        """The name of the materialised view that fills it."""
        return f"{self.name}_view"

    def select(self, where: str) -> str:
        """The question to the source that gives the rows of this rollup; `where` is made of words of ours."""
        return Template(read_sql(f"rollup_{self.name}")).substitute(_WORDS, where=where)

    def covers(self, names: AbstractSet[str]) -> bool:
        """Whether it can be grouped and filtered by all of these."""
        times = {"hour", "day"} if self.cut == "hour" else {self.cut}
        return names <= times.union(self.dimensions)

    def create_view(self) -> str:
        """The statement that makes the view, unless it is there."""
        return f"CREATE MATERIALIZED VIEW IF NOT EXISTS {self.view} TO {self.name} AS {self.select('true')}"


_CALL: Final = ("service", "framework", "operation", "provider", "model")
ROLLUPS: Final = (
    Rollup("components_by_hour", "charges", "hour", (*_CALL, "grade", "component")),
    Rollup("calls_by_hour", "components_by_hour", "hour", (*_CALL, "grade"), base="components_by_hour"),
    Rollup("ledger_totals", "components_by_hour", "month"),
    Rollup("tenants_by_hour", "charges", "hour", (*_CALL, "grade", "tenant", "feature", "team")),
    Rollup("spans_by_hour", "spans", "hour", _CALL),
    Rollup("operations_by_hour", "spans_by_hour", "hour", ("operation",), base="spans_by_hour"),
    Rollup("users_by_day", "spans", "day", ("user",)),
    Rollup("span_totals", "spans", "month"),
    Rollup("duplicate_totals", "duplicates", "month"),
)
"""Every rollup, sources before what is made of them."""
NAMED: Final = {rollup.name: rollup for rollup in ROLLUPS}
LEDGER: Final = tuple(NAMED[name] for name in ("calls_by_hour", "components_by_hour", "tenants_by_hour"))
"""Those that answer what calls cost, small ones first."""
LATENCY: Final = tuple(NAMED[name] for name in ("operations_by_hour", "users_by_day", "spans_by_hour"))
"""Those that answer how long spans took, small ones first."""


def rollups_sql() -> str:
    """The statements that make all rollups and their views, where nothing was stored before."""
    return ";\n".join([read_sql("rollups"), *(rollup.create_view() for rollup in ROLLUPS)])


@dataclass(frozen=True, slots=True)
class Source:
    """Where a question is asked: SQL made of words of ours, and the values bound in it."""

    sql: str
    parameters: dict[str, object]


def stored(table: str, period: Period) -> Source:
    """The rows of a table itself, for a period."""
    since, until = (f"fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')" for name in ("since", "until"))
    sql = f"(SELECT * FROM {table} WHERE time >= {since} AND time < {until})"  # noqa: S608  words of ours
    return Source(sql, {"since": period.since_us, "until": period.until_us})


def chosen(rollups: Sequence[Rollup], names: Iterable[str], period: Period) -> Rollup | None:
    """The smallest rollup that can be grouped and filtered by these and has whole hours or days in the period."""
    asked = set(names)
    fitting = (rollup for rollup in rollups if rollup.covers(asked) and _whole(rollup, period) is not None)
    return next(fitting, None)


def rolled_up(rollup: Rollup, period: Period, columns: Sequence[str]) -> Source:
    """The rows of a rollup for a period, and of its source for the ends of the period that are no whole hours or days.

    The period has to hold at least one whole hour or day.
    """
    whole = _whole(rollup, period)
    if whole is None:
        raise ValueError(f"{rollup.name} has nothing whole between {period.since} and {period.until}")
    listed = ", ".join(columns)
    sql = (
        f"SELECT {listed} FROM {rollup.name} "  # noqa: S608  words of ours
        "WHERE time >= toDateTime({first:Int64}, 'UTC') AND time < toDateTime({last:Int64}, 'UTC')"
    )
    parameters: dict[str, object] = {"first": whole.since_us // 1_000_000, "last": whole.until_us // 1_000_000}
    if whole != period:
        finest = NAMED[rollup.base] if rollup.base else rollup
        sql += f" UNION ALL SELECT {listed} FROM ({finest.select(_ends(finest.source))})"  # noqa: S608
        parameters |= {"since": period.since_us, "until": period.until_us}
    return Source(f"({sql})", parameters)


def _ends(source: str) -> str:
    time = f"{source}.{'start_time' if source == 'spans' else 'time'}"
    since, until = (f"fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')" for name in ("since", "until"))
    first, last = (f"toDateTime({{{name}:Int64}}, 'UTC')" for name in ("first", "last"))
    return f"({time} >= {since} AND {time} < {first} OR {time} >= {last} AND {time} < {until})"


def _whole(rollup: Rollup, period: Period) -> Period | None:
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

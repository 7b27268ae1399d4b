"""Bring rollups up to their sources: those of a store that had none, of a restored one, or after a torn write.

The engine commits a batch to the table first and then to what it feeds, so a process that is killed in between leaves
a rollup behind, never ahead. Entries are counted on both sides, and the hours that lack some are made again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from string import Template
from typing import Any, Final

from spanmeter_collector.rollup import FORMER, FORMER_VIEWS, NAMED, PLACES, ROLLUPS, Rollup, create_view, view
from spanmeter_collector.statement import read_sql

_DAY_S: Final = 86_400
_CUTS: Final = {"hour": "toStartOfHour", "day": "toStartOfDay", "month": "toStartOfDay"}
_SETTINGS: Final = {"max_partitions_per_insert_block": 0, "mutations_sync": 1}
_TABLES: Final = {rollup.source for rollup in ROLLUPS} - set(PLACES)
_OF_ROLLUPS: Final = [rollup.place for rollup in ROLLUPS if rollup.source in PLACES]
"""The tables whose views would sum what a repair writes."""
_LAID_ANEW: Final = {"charge_sums": "ledger_sums", "span_sums": "span_sums_by_thousand"}
"""Tables that older stores laid in another way, and where what these held is while it is laid anew."""
FORMER_TABLES: Final = FORMER.union(_LAID_ANEW.values())
"""The tables of rollups of older stores: sums of what other tables hold, as far as nothing was dropped there."""
_THOUSAND: Final = "index_granularity = 1024"
_DAYS: Final = {"spans_by_hour": "spans_by_day", "operations_by_hour": "operations_by_day"}
_logger = logging.getLogger(__name__)


def create_rollups(client: Any) -> None:  # noqa: ANN401  a client of clickhouse-connect
    """Create what is missing, fill what is behind, and let the engine keep it up; nothing may be written meanwhile.

    Views are made anew each time, so that those of an older store say what these do.
    """
    existing = _tables(client)
    if missing := set(PLACES) - existing:
        _logger.info("creating %d tables of rollups", len(missing))
    for name in existing.intersection((*FORMER_VIEWS, *map(view, PLACES))):
        client.command(f"DROP VIEW {name} SYNC")
    _put_aside(client, existing)
    for statement in read_sql("rollups").split(";\n"):
        client.command(statement)
    _take_back(client)
    _move(client, sorted(existing & FORMER))
    if _column(client, read_sql("rollup_sources"), {"sources": sorted(_TABLES)}):
        _repair(client)
    for place in PLACES:
        client.command(create_view(place))


def mend_rollups(client: Any) -> None:  # noqa: ANN401  a client of clickhouse-connect
    """Fill what a torn write left behind, in a store whose tables are those of today; nothing else may be written.

    Nothing is altered or made that is there: the disk may be nearly full.
    """
    for place in _OF_ROLLUPS:
        client.command(f"DROP VIEW IF EXISTS {view(place)} SYNC")
    _repair(client)
    for place in PLACES:
        client.command(create_view(place))


def forget_sums(client: Any, table: str, partition: str) -> None:  # noqa: ANN401
    """Delete what sums a table's rows of a day or a month, `20261122` or `202611`, to be made again of those it has."""
    existing = _tables(client)
    for rollup in (rollup for rollup in ROLLUPS if rollup.place in existing):
        if rollup.cut == "month" and rollup.source in (table, *_summing(table)):
            client.command(f"ALTER TABLE {rollup.place} DROP PARTITION {partition[:6]}")
        elif rollup.source == table:
            which = f"{rollup.its_rows} AND startsWith(toString(toYYYYMMDD(time)), '{partition}')"
            client.command(f"ALTER TABLE {rollup.place} DELETE WHERE {which}", settings=_SETTINGS)


def _summing(table: str) -> set[str]:
    """The tables of rollups that sum a table."""
    return {rollup.place for rollup in ROLLUPS if rollup.source == table}


def _put_aside(client: Any, existing: Collection[str]) -> None:  # noqa: ANN401
    """Name the sums of an older store anew whose granules are large: nothing changes those of a table that is there."""
    aside = _LAID_ANEW["span_sums"]
    if "span_sums" in existing and aside not in existing:
        (engine,) = _column(client, read_sql("rollup_engine"), {"name": "span_sums"})
        if _THOUSAND in engine:
            client.command(f"RENAME TABLE span_sums TO {aside}")


def _take_back(client: Any) -> None:  # noqa: ANN401
    """Fill tables from those of older stores; what was interrupted begins again."""
    existing = _tables(client)
    for place, aside in _LAID_ANEW.items():
        if aside in existing:
            _logger.info("laying %s in another way", place)
            columns = ", ".join(_column(client, read_sql("rollup_columns"), {"name": aside}))
            client.command(f"TRUNCATE TABLE {place}")
            client.command(f"INSERT INTO {place} ({columns}) SELECT {columns} FROM {aside}", settings=_SETTINGS)  # noqa: S608
            client.command(f"DROP TABLE {aside} SYNC")


def _move(client: Any, former: Iterable[str]) -> None:  # noqa: ANN401
    """Take over what an older store kept in tables of their own: some of it outlives the spans it was made of."""
    for name in former:
        _logger.info("moving rollup %s into %s", name, NAMED[name].place)
        if name != "calls_by_hour":  # made again from the ledger, for these tell price versions apart
            columns = ", ".join(_column(client, read_sql("rollup_columns"), {"name": name}))
            _replace(client, NAMED[name], f"(level, {columns}) SELECT '{name}', {columns} FROM {name}")  # noqa: S608
        if days := _DAYS.get(name):
            _replace(client, NAMED[days], _said("rollup_days", {"days": days, "hours": name}))
        client.command(f"DROP TABLE {name} SYNC")


def _replace(client: Any, rollup: Rollup, rows: str) -> None:  # noqa: ANN401
    client.command(f"ALTER TABLE {rollup.place} DELETE WHERE {rollup.its_rows}", settings=_SETTINGS)
    client.command(f"INSERT INTO {rollup.place} {rows}", settings=_SETTINGS)


def _repair(client: Any) -> None:  # noqa: ANN401
    if unbilled := _column(client, read_sql("rollup_unbilled"), {}):
        _forget(client, NAMED["calls_by_hour"], unbilled)
    for rollup in ROLLUPS:
        parts = _parts_behind(client, rollup)
        for place, part in enumerate(parts, 1):
            _logger.info("filling rollup %s: %s, %d of %d", rollup.name, part, place, len(parts))
            _fill(client, rollup, part)


def _tables(client: Any) -> set[str]:  # noqa: ANN401
    return set(_column(client, "SELECT name FROM system.tables WHERE database = currentDatabase()", {}))


def _parts_behind(client: Any, rollup: Rollup) -> list[str]:  # noqa: ANN401
    words = {"rollup": rollup.place, "its_rows": rollup.its_rows}
    if rollup.source in PLACES:
        return _column(client, _said("rollup_behind_rollup", words | _counted(rollup)), {})
    digits = 8 if rollup.source == "spans" and rollup.cut != "month" else 6
    return _column(client, _said("rollup_behind_table", words), {"digits": digits, "source": rollup.source})


def _counted(rollup: Rollup) -> dict[str, str]:
    """The source of a rollup and how its entries are counted."""
    if rollup.source not in PLACES:
        return {"source": rollup.source, "which": "true", "entries": "count()"}
    return {"source": rollup.source, "which": rollup.of_source, "entries": f"sum({rollup.source}.entries)"}


def _fill(client: Any, rollup: Rollup, part: str) -> None:  # noqa: ANN401
    """Make the hours or days of a partition again that lack something; a rollup by month knows only the whole month."""
    times: list[int] = _column(client, _times_sql(rollup, part), {})
    if rollup.cut == "month":
        client.command(f"ALTER TABLE {rollup.place} DROP PARTITION {part}")
    else:
        _forget(client, rollup, times)
    for day, of_day in groupby(times, key=lambda time: time // _DAY_S):
        hours = list(of_day) if rollup.cut == "hour" else []
        client.command(
            f"INSERT INTO {rollup.place} {rollup.select(_within(rollup.source_time, day, hours))}", settings=_SETTINGS
        )


def _forget(client: Any, rollup: Rollup, times: Sequence[int]) -> None:  # noqa: ANN401
    which = f"{rollup.its_rows} AND toUnixTimestamp(time) IN ({', '.join(map(str, times))})"
    if _column(client, f"SELECT 1 FROM {rollup.place} WHERE {which} LIMIT 1", {}):  # noqa: S608  words of ours
        client.command(f"ALTER TABLE {rollup.place} DELETE WHERE {which}", settings=_SETTINGS)


def _times_sql(rollup: Rollup, part: str) -> str:
    words = {
        "time": rollup.source_time,
        "rollup": rollup.place,
        "its_rows": rollup.its_rows,
        "cut": _CUTS[rollup.cut],
        "within": f"startsWith(toString(toYYYYMMDD({rollup.source_time})), '{part}')",
        "all": "true" if rollup.cut == "month" else "false",
    }
    return _said("rollup_behind_times", words | _counted(rollup))


def _within(time: str, day: int, began: Sequence[int]) -> str:
    """The hours of a day that began at these seconds after 1970; all of it where none are named."""
    since, until = (f"toDateTime({number * _DAY_S}, 'UTC')" for number in (day, day + 1))
    hours = f" AND toUnixTimestamp(toStartOfHour({time})) IN ({', '.join(map(str, began))})" if began else ""
    return f"{time} >= {since} AND {time} < {until}{hours}"


def _said(name: str, words: Mapping[str, str]) -> str:
    return Template(read_sql(name)).substitute(words)


def _column(client: Any, sql: str, parameters: Mapping[str, object]) -> list[Any]:  # noqa: ANN401
    return [value for (value,) in client.query(sql, parameters=dict(parameters)).result_rows]

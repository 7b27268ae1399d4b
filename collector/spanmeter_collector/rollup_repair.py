"""Bring rollups up to their sources: those of a store that had none, of a restored one, or after a torn write.

The engine commits a batch to the table first and then to what it feeds, so a process that is killed in between leaves
a rollup behind, never ahead. Entries are counted on both sides, and the hours that lack some are made again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import groupby
from string import Template
from typing import Any, Final

from spanmeter_collector.rollup import NAMED, ROLLUPS, Rollup
from spanmeter_collector.statement import read_sql

_DAY_S: Final = 86_400
_CUTS: Final = {"hour": "toStartOfHour", "day": "toStartOfDay", "month": "toStartOfDay"}
_SETTINGS: Final = {"max_partitions_per_insert_block": 0, "mutations_sync": 1}
_TABLES: Final = {rollup.source for rollup in ROLLUPS} - NAMED.keys()
_logger = logging.getLogger(__name__)


def create_rollups(client: Any) -> None:  # noqa: ANN401  a client of clickhouse-connect
    """Create what is missing, fill what is behind, and let the engine keep it up; nothing may be written meanwhile."""
    existing = _tables(client)
    if missing := {rollup.name for rollup in ROLLUPS} - existing:
        _logger.info("creating %d rollups", len(missing))
        for statement in read_sql("rollups").split(";\n"):
            client.command(statement)
    if _column(client, read_sql("rollup_sources"), {"sources": sorted(_TABLES)}):
        repair_rollups(client)
        existing = _tables(client)
    for rollup in ROLLUPS:
        if rollup.view not in existing:
            client.command(f"CREATE MATERIALIZED VIEW {rollup.view} TO {rollup.name} AS {rollup.select('true')}")


def repair_rollups(client: Any) -> None:  # noqa: ANN401
    """Fill what is behind. Views are taken away first, lest what is filled flows on into the next rollup twice."""
    if not any(_parts_behind(client, rollup) for rollup in ROLLUPS):
        return
    for rollup in reversed(ROLLUPS):
        client.command(f"DROP VIEW IF EXISTS {rollup.view} SYNC")
    for rollup in ROLLUPS:
        parts = _parts_behind(client, rollup)
        for place, part in enumerate(parts, 1):
            _logger.info("filling rollup %s: %s, %d of %d", rollup.name, part, place, len(parts))
            _fill(client, rollup, part)


def _tables(client: Any) -> set[str]:  # noqa: ANN401
    return set(_column(client, "SELECT name FROM system.tables WHERE database = currentDatabase()", {}))


def _parts_behind(client: Any, rollup: Rollup) -> list[str]:  # noqa: ANN401
    if rollup.source in NAMED:
        sql = Template(read_sql("rollup_behind_rollup")).substitute(source=rollup.source, rollup=rollup.name)
        return _column(client, sql, {})
    digits = 8 if rollup.source == "spans" and rollup.cut != "month" else 6
    sql = Template(read_sql("rollup_behind_table")).substitute(rollup=rollup.name)
    return _column(client, sql, {"digits": digits, "source": rollup.source})


def _fill(client: Any, rollup: Rollup, part: str) -> None:  # noqa: ANN401
    """Make the hours or days of a partition again that lack something; a rollup by month knows only the whole month."""
    times: list[int] = _column(client, _times_sql(rollup, part), {})
    if rollup.cut == "month":
        client.command(f"ALTER TABLE {rollup.name} DROP PARTITION {part}")
    else:
        _forget(client, rollup, times)
    for day, of_day in groupby(times, key=lambda time: time // _DAY_S):
        hours = list(of_day) if rollup.cut == "hour" else []
        client.command(
            f"INSERT INTO {rollup.name} {rollup.select(_within(_time(rollup), day, hours))}", settings=_SETTINGS
        )


def _forget(client: Any, rollup: Rollup, times: Sequence[int]) -> None:  # noqa: ANN401
    which = f"toUnixTimestamp(time) IN ({', '.join(map(str, times))})"
    if _column(client, f"SELECT 1 FROM {rollup.name} WHERE {which} LIMIT 1", {}):  # noqa: S608  words of ours
        client.command(f"ALTER TABLE {rollup.name} DELETE WHERE {which}", settings=_SETTINGS)


def _times_sql(rollup: Rollup, part: str) -> str:
    time = _time(rollup)
    return Template(read_sql("rollup_behind_times")).substitute(
        source=rollup.source,
        time=time.partition(".")[2],
        rollup=rollup.name,
        cut=_CUTS[rollup.cut],
        within=f"startsWith(toString(toYYYYMMDD({time})), '{part}')",
        entries=f"sum({rollup.source}.entries)" if rollup.source in NAMED else "count()",
        all="true" if rollup.cut == "month" else "false",
    )


def _within(time: str, day: int, began: Sequence[int]) -> str:
    """The hours of a day that began at these seconds after 1970; all of it where none are named."""
    since, until = (f"toDateTime({number * _DAY_S}, 'UTC')" for number in (day, day + 1))
    hours = f" AND toUnixTimestamp(toStartOfHour({time})) IN ({', '.join(map(str, began))})" if began else ""
    return f"{time} >= {since} AND {time} < {until}{hours}"


def _time(rollup: Rollup) -> str:
    return f"{rollup.source}.{'start_time' if rollup.source == 'spans' else 'time'}"


def _column(client: Any, sql: str, parameters: Mapping[str, object]) -> list[Any]:  # noqa: ANN401
    return [value for (value,) in client.query(sql, parameters=dict(parameters)).result_rows]

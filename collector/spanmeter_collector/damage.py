"""Damage: parts that the embedded engine took for written while the disk filled up, and that no start could read again.

What such a part was to hold stands in the log until it is stored, so the part goes and is written once more, under
another token, for the engine remembers the first. Rollups that summed it are made again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any, Final, NamedTuple

from spanmeter_collector.rollup import PLACES
from spanmeter_collector.rollup_repair import forget_sums, mend_rollups
from spanmeter_collector.room import RoomError
from spanmeter_collector.statement import read_sql
from spanmeter_collector.status import OK

_WHOLE: Final = 1
_FOUND: Final = "broken"
_NOTED: Final = "damaged-"
_logger = logging.getLogger(__name__)


class Part(NamedTuple):
    """A part of a table: `inserted` by one insert, or made of other parts."""

    table: str
    name: str
    partition: str
    inserted: bool


class Damages(NamedTuple):
    """How many parts a start found damaged, and how many all starts did."""

    found: int = 0
    ever: int = 0


NONE: Final = Damages()


def damaged(client: Any, *, since: int) -> list[Part]:  # noqa: ANN401  a client of clickhouse-connect
    """The parts written since a time, in seconds after 1970, whose files are not what was written."""
    found = client.query(read_sql("parts_since"), parameters={"since": since}).result_rows
    parts = [Part(table, name, partition, bool(inserted)) for table, name, partition, inserted in found]
    return [part for part in parts if not _is_whole(client, part)]


def mend(client: Any, *, since: int) -> bool:  # noqa: ANN401
    """Drop what is damaged of what was written since a time, and bring rollups up to what is left; whether any was.

    Raises:
        RoomError: A part is damaged that was made of others, which only a start can bring back.
    """
    parts = damaged(client, since=since)
    if lasting := [part for part in parts if part.table not in PLACES and not part.inserted]:
        sentence = (
            f"part {lasting[0].name} of {lasting[0].table} was merged while the disk filled up; restart the sidecar"
        )
        raise RoomError(f"{sentence} within minutes: what the part was made of is still there")
    for part in parts:
        _logger.error("part %s of %s is damaged, for the disk filled up; it is written again", part.name, part.table)
        client.command(_said("drop_part", part))
    _forget_sums(client, parts)
    mend_rollups(client)
    return bool(parts)


def note_detached(client: Any) -> Damages:  # noqa: ANN401
    """Let what sums the parts be made again that the engine found damaged at its start.

    Their files stay in the folder `detached` of their table.
    """
    found = client.query(read_sql("detached_parts"), parameters={"prefix": _FOUND}).result_rows
    parts = [Part(table, name, partition, inserted=False) for table, name, partition, _ in found]
    _forget_sums(client, parts)
    for part, (*_, path) in zip(parts, found, strict=True):
        kept = Path(path).with_name(f"{_NOTED}{time.time_ns()}-{part.name}")
        _logger.error("part %s of %s is damaged; its files are now in %s", part.name, part.table, kept)
        Path(path).rename(kept)
    ever = client.query(read_sql("detached_parts"), parameters={"prefix": _NOTED}).result_rows
    return Damages(len(parts), len(ever))


def standing(parts: int) -> str:
    """How the store stands whose start found so many parts damaged, as a component of /health tells it."""
    if not parts:
        return OK
    return f"this start left out damaged parts of the store: {parts}; the log names them and where their files are"


def _forget_sums(client: Any, parts: Sequence[Part]) -> None:  # noqa: ANN401
    for table, partition in sorted({(part.table, part.partition) for part in parts}):
        forget_sums(client, table, partition)


def _is_whole(client: Any, part: Part) -> bool:  # noqa: ANN401
    rows: Sequence[Sequence[Any]] = client.query(_said("check_part", part)).result_rows
    return int(rows[0][0]) == _WHOLE


def _said(name: str, part: Part) -> str:
    return Template(read_sql(name)).substitute(table=part.table, part=part.name)

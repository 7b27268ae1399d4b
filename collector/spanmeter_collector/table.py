"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from unicodedata import category, east_asian_width

from spanmeter_collector.console import terminal_width

GAP: Final = "  "
SHORT: Final = 16
"""Texts are cut down to this before a column is left out."""
SHORTEST: Final = 6
_CUT: Final = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and its cells; numbers stand on the right.

    Where a terminal is too narrow, texts that are not `whole` are cut, then the columns with the highest `rank` are
    left out; those of rank 0 stay.
    """

    heading: str
    cells: Sequence[str]
    right: bool = True
    whole: bool = False
    rank: int = 0


def render(columns: Sequence[Column], *, ruled: bool = False, width: int | None = None) -> str:
    """The columns side by side, with a rule above the last row when it is a total.

    They fit into `width`, that of the terminal unless given; what is left out for that is said below.
    """
    clean = [replace(column, cells=[*map(harmless, column.cells)]) for column in columns]
    room = terminal_width() if width is None else width
    kept = _kept(clean, room)
    lines = _lines(_cut(kept, room, least=SHORTEST), ruled=ruled)
    missing = [column.heading for column in clean if all(column is not one for one in kept)]
    if missing:
        lines += ["", f"Not shown in this width: {', '.join(missing)}."]
    return "\n".join(lines)


def harmless(text: str) -> str:
    """The text on one line, without characters that steer a terminal: names come from anywhere."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if category(character).startswith("C") else character for character in text
    )


def _lines(columns: Sequence[Column], *, ruled: bool) -> list[str]:
    padded = [_pad(column) for column in columns]
    lines = [GAP.join(cells).rstrip() for cells in zip(*padded, strict=True)]
    if ruled:
        lines.insert(-1, GAP.join("-" * _width(cells[0]) for cells in padded))
    return lines


def _kept(columns: Sequence[Column], width: int) -> list[Column]:
    kept = list(columns)
    while _excess(_cut(kept, width, least=SHORT), width) > 0:
        last = max(kept, key=lambda column: column.rank)
        if not last.rank:
            break
        kept = [column for column in kept if column is not last]
    return kept


def _cut(columns: Sequence[Column], width: int, *, least: int) -> list[Column]:
    """The columns with the widest texts cut, as far as `least` allows."""
    cut = list(columns)
    while (excess := _excess(cut, width)) > 0:
        texts = [column for column in cut if not (column.right or column.whole) and _widest(column) > least]
        if not texts:
            break
        widest = max(texts, key=_widest)
        others = max((_widest(column) for column in texts if column is not widest), default=0)
        limit = max(least, _widest(widest) - excess, min(others, _widest(widest) - 1))
        cut[cut.index(widest)] = _shortened(widest, limit)
    return cut


def _shortened(column: Column, limit: int) -> Column:
    return replace(column, heading=_short(column.heading, limit), cells=[_short(cell, limit) for cell in column.cells])


def _short(text: str, limit: int) -> str:
    if _width(text) <= limit:
        return text
    while _width(text) >= limit:
        text = text[:-1]
    return text + _CUT


def _excess(columns: Sequence[Column], width: int) -> int:
    return sum(map(_widest, columns)) + len(GAP) * (len(columns) - 1) - width if width else 0


def _widest(column: Column) -> int:
    return max(map(_width, (column.heading, *column.cells)))


def _pad(column: Column) -> list[str]:
    cells, width = [column.heading, *column.cells], _widest(column)
    return [
        " " * (width - _width(cell)) + cell if column.right else cell + " " * (width - _width(cell)) for cell in cells
    ]


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)

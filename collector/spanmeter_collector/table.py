"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category, east_asian_width


@dataclass(frozen=True, slots=True)
class Column:
    """A heading and its cells; numbers stand on the right."""

    heading: str
    cells: Sequence[str]
    right: bool = True


def render(columns: Sequence[Column], *, ruled: bool = False) -> str:
    """The columns side by side, with a rule above the last row when it is a total."""
    padded = [_pad(column) for column in columns]
    lines = ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
    if ruled:
        lines.insert(-1, "  ".join("-" * _width(cells[0]) for cells in padded))
    return "\n".join(lines)


def harmless(text: str) -> str:
    """The text on one line, without characters that steer a terminal: names come from anywhere."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if category(character).startswith("C") else character for character in text
    )


def _pad(column: Column) -> list[str]:
    cells = [column.heading, *map(harmless, column.cells)]
    width = max(map(_width, cells))
    return [
        " " * (width - _width(cell)) + cell if column.right else cell + " " * (width - _width(cell)) for cell in cells
    ]


def _width(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)

"""What the demo says: progress to standard error, results to standard output, tables with aligned columns."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


def progress(line: str) -> None:
    """Say what goes on; the result stays readable by programs."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def result(text: str) -> None:
    """Say what came out."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return lines of columns as wide as they need be: the first to the left, numbers to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(_line(line, widths) for line in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join((f"  {first}", *others))

"""Statements: the SQL in `sql`, one file for each question."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read_sql(name: str) -> str:
    """The text of `sql/<name>.sql`, without the lines that are comments: the client looks at every word of it."""
    text = (files("spanmeter_collector") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("--"))

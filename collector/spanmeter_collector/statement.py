"""Statements: the SQL in `sql`, one file for each question."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read_sql(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (files("spanmeter_collector") / "sql" / f"{name}.sql").read_text(encoding="utf-8")

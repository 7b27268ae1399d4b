"""`spanmeter budgets`: what budgets allow, what is spent and how long it lasts, in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import aligned, counted, number, wrapped

_NONE = "No budget is defined. Define one in code with spanmeter.Budget, or in the file of SPANMETER_BUDGETS."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which budget, which sidecar."""
    parser.add_argument("name", nargs="?", default="", help="one budget; without it all")
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the budgets.

    Raises:
        SidecarError: The sidecar was not reached, or knows no such budget.
    """
    path = "/api/v1/budgets"
    if arguments.name:
        path += f"/{quote(arguments.name, safe='')}"
    answer = sidecar.ask(arguments.url, path)
    rows = [answer] if arguments.name else answer["rows"]
    if arguments.json:
        say(json.dumps(answer, indent=2))
    else:
        say(_report(rows) if rows else _NONE)
    return 0


def _report(rows: Sequence[Mapping[str, Any]]) -> str:
    notes = [note for row in rows for note in _notes(row)]
    return "\n".join([_table(rows), *([""] if notes else []), *(line for note in notes for line in wrapped(note))])


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    def usd(name: str) -> list[str]:
        return aligned([_amount(row[name]) for row in rows])

    return render(
        [
            Column("budget", [row["name"] for row in rows], right=False),
            Column("for", [_scope(row["scope"]) for row in rows], right=False, rank=4),
            Column("each", [row["period"] for row in rows], right=False),
            Column("limit", usd("limit_usd")),
            Column("spent", usd("spent_usd")),
            Column("share", [_share(row["share"]) for row in rows]),
            Column("reserved", usd("reserved_usd"), rank=2),
            Column("an hour", usd("usd_per_hour"), rank=1),
            Column("lasts until", [_until(row) for row in rows], right=False),
            Column("resets at", [_time(row["resets_at"]) for row in rows], right=False, rank=3),
            Column("then", [row["action"] for row in rows], right=False, rank=5),
            Column("stopped", [number(row["stopped_calls"]) for row in rows], rank=6),
        ]
    )


def _notes(row: Mapping[str, Any]) -> list[str]:
    notes = []
    if row["unpriced_calls"]:
        calls = counted(row["unpriced_calls"], "call")
        notes.append(f"{row['name']}: what {calls} cost is unknown and not in what is spent.")
    if row["downgraded_calls"]:
        notes.append(f"{row['name']}: {counted(row['downgraded_calls'], 'call')} went to another model.")
    return notes


def _amount(text: str | None) -> str:
    return "-" if text is None else readable_usd(text)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share * 100:.1f} %"


def _scope(scope: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in scope.items()) or "all calls"


def _until(row: Mapping[str, Any]) -> str:
    """When the money is gone as it goes now."""
    if row["share"] is None:
        return "-"
    if row["share"] >= 1:
        return "it is spent"
    if row["exhausts_at"] is None and row["resets_at"] is not None:
        return "its end"
    return _time(row["exhausts_at"])


def _time(text: str | None) -> str:
    return "-" if text is None else f"{text[:16].replace('T', ' ')} UTC"

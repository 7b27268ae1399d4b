"""`spanmeter losses`: what applications counted themselves and the ledger lacks, in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import counted, number, period, wrapped

_REASONS: Final = {
    "queue_full": "the queue in the application was full (OTEL_BSP_MAX_QUEUE_SIZE)",
    "spool_full": "the spool on disk was full (SPANMETER_SPOOL_MB)",
    "no_spool": "the sidecar was away and there was no spool (SPANMETER_SPOOL_MB, SPANMETER_SPOOL_DIR)",
    "refused": "the sidecar refused them; the application's log says why",
    "too_old": "no process sent them within a week",
    "fault": "a fault of spanmeter's own; the application's log says more",
    "several": "the application gave them up for several reasons; --json lists them",
    "waiting": "they wait in the application, in memory or on disk, and come when the sidecar takes them",
    "unknown": "the application sent them or was killed with them; see the sidecar's refusals in /metrics",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which period, which filters, how long to settle, which sidecar."""
    parser.epilog = "Exit status: 0, or with --check 1 when calls or tokens are missing."
    parser.add_argument("--limit", default="20", metavar="N", help="the most processes to list (%(default)s)")
    parser.add_argument("--settle", default="", metavar="TIME", help="compare counters that are older than this (2m)")
    parser.add_argument("--check", action="store_true", help="exit with 1 when anything is missing")
    sidecar.add_selection(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the loss check; with `--check` 1 when something is missing.

    Raises:
        SidecarError: The sidecar was not reached or refused the question.
    """
    query = [("limit", arguments.limit), ("settle", arguments.settle), *sidecar.selection(arguments)]
    answer = sidecar.ask(arguments.url, "/api/v1/losses", query)
    say(json.dumps(answer, indent=2) if arguments.json else _report(answer))
    return 1 if arguments.check and answer["processes_missing"] else 0


def _report(answer: Mapping[str, Any]) -> str:
    rows = answer["rows"]
    lines = [*wrapped(_verdict(answer))]
    if rows:
        lines += ["", _table(rows)]
    if answer["truncated"]:
        lines.append(
            f"\n{number(len(rows))} of {number(answer['processes'])} processes are listed; the sums are over all."
        )
    notes = [*_why(rows), *_notes(answer)]
    return "\n".join([*lines, *([""] if notes else []), *(line for note in notes for line in wrapped(note))])


def _verdict(answer: Mapping[str, Any]) -> str:
    if not answer["processes"]:
        return f"No process told what it counted {period(answer)}; only applications that spanmeter instruments do."
    missing = answer["missing"]
    processes = counted(answer["processes"], "process", "processes")
    told = f"{counted(answer['told']['calls'], 'call')} that {processes} counted"
    if not answer["processes_missing"]:
        return f"Nothing is missing of {told}."
    failed = f" and {counted(missing['failed_calls'], 'failed call')}" if missing["failed_calls"] else ""
    amount = f"{counted(missing['tokens'], 'token')}, {readable_usd(missing['usd'])}"
    return f"{counted(missing['calls'], 'call')}{failed} never arrived ({amount}) of {told}."


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    def cells(kind: str, name: str) -> list[str]:
        return [number(row[kind][name]) for row in rows]

    return render(
        [
            Column("service", [row["service"] or "-" for row in rows], right=False),
            Column("process", [row["instance"] or "-" for row in rows], right=False, whole=True, rank=5),
            Column("last heard", [row["last_heard"][:19].replace("T", " ") for row in rows], right=False, rank=4),
            Column("told", cells("told", "calls")),
            Column("sampled out", cells("unsampled", "calls"), rank=2),
            Column("arrived", cells("arrived", "calls")),
            Column("missing", cells("missing", "calls")),
            Column("tokens", cells("missing", "tokens"), rank=1),
            Column("worth", [readable_usd(row["missing"]["usd"]) for row in rows]),
            Column("untold", cells("surplus", "calls"), rank=3),
            Column("reason", [row["reason"] or "-" for row in rows], right=False),
        ]
    )


def _why(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    met = dict.fromkeys(row["reason"] for row in rows if row["reason"])
    return [f"{reason}: {_REASONS.get(reason, 'the application told this reason')}." for reason in met]


def _notes(answer: Mapping[str, Any]) -> list[str]:
    notes = []
    if left_out := answer["unsampled"]["calls"]:
        notes.append(
            f"{counted(left_out, 'call')} were left out by the applications' own sampling: no loss, and no bill."
        )
    if any(row["priced_differently"] for row in answer["rows"]):
        notes.append("Some processes know other prices than the sidecar: their dollars differ, their tokens agree.")
    if answer["not_covered"]:
        calls = counted(sum(answer["not_covered"].values()), "call")
        notes.append(f"Not covered: {calls} that no process counts itself ({', '.join(answer['not_covered'])}).")
    return notes

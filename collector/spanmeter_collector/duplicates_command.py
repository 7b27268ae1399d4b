"""`spanmeter duplicates`: what was not counted, and why, in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import counted, number, period

RANKS: Final = {"span_id": 3, "counted_span_id": 4, "trace_id": 5}
"""Ids are useless in part: where a terminal is narrow, they are left out, the highest first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which period, which filters, which sidecar."""
    parser.add_argument("--limit", default="20", metavar="N", help="the most spans to list (%(default)s)")
    sidecar.add_selection(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the spans that were not counted.

    Raises:
        SidecarError: The sidecar was not reached or refused the question.
    """
    query = [("limit", arguments.limit), *sidecar.selection(arguments)]
    answer = sidecar.ask(arguments.url, "/api/v1/duplicates", query)
    if arguments.json:
        say(json.dumps(answer, indent=2))
    elif answer["rows"]:
        say(_audit(answer))
    else:
        say(f"No call was told twice {period(answer)}: every span of a call is counted.")
    return 0


def _audit(answer: Mapping[str, Any]) -> str:
    total = answer["total"]
    not_charged = f"{counted(total['calls'], 'span')}, {readable_usd(total['usd'])} not charged"
    lines = [f"Not counted {period(answer)}: {not_charged}", "", _reasons(answer), "", _spans(answer)]
    if answer["truncated"]:
        lines.append(f"\nThe {number(len(answer['rows']))} latest spans are listed; the sums are over all.")
    return "\n".join(lines)


def _reasons(answer: Mapping[str, Any]) -> str:
    reasons = answer["by_reason"]
    return render(
        [
            Column("reason", list(reasons), right=False),
            Column("spans", [number(sums["calls"]) for sums in reasons.values()]),
            Column("input", [number(sums["input_tokens"]) for sums in reasons.values()]),
            Column("output", [number(sums["output_tokens"]) for sums in reasons.values()]),
            Column("not charged", [readable_usd(sums["usd"]) for sums in reasons.values()]),
        ]
    )


def _spans(answer: Mapping[str, Any]) -> str:
    rows = answer["rows"]
    texts = {"trace_id": "trace", "span_id": "span", "counted_span_id": "counted", "name": "name", "scope": "scope"}
    return render(
        [
            *(
                Column(
                    text, [row[name] or "-" for row in rows], right=False, whole=name in RANKS, rank=RANKS.get(name, 0)
                )
                for name, text in texts.items()
            ),
            Column("reason", [row["reason"] for row in rows], right=False),
            Column("input", [number(row["input_tokens"]) for row in rows], rank=2),
            Column("output", [number(row["output_tokens"]) for row in rows], rank=1),
            Column("not charged", [readable_usd(row["usd"]) for row in rows]),
        ]
    )

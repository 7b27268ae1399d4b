"""`spanmeter latency`: how long steps took, in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import duration, nothing, number, period

DURATIONS: Final = {
    "mean_s": "mean",
    "p50_s": "p50",
    "p95_s": "p95",
    "p99_s": "p99",
    "max_s": "max",
    "time_to_first_chunk_p50_s": "1st chunk p50",
    "time_to_first_chunk_p95_s": "1st chunk p95",
}
RANKS: Final = {
    "mean_s": 1,
    "max_s": 2,
    "p99_s": 3,
    "output_tokens_per_s": 4,
    "time_to_first_chunk_p50_s": 5,
    "time_to_first_chunk_p95_s": 6,
}
"""What is left out first where a terminal is narrow has the highest."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to group by, which period, which filters, which sidecar."""
    parser.add_argument("--by", default="operation,model", metavar="DIM[,DIM]", help="dimensions (%(default)s)")
    sidecar.add_selection(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the percentiles.

    Raises:
        SidecarError: The sidecar was not reached or refused the question.
    """
    query = [("group_by", arguments.by), *sidecar.selection(arguments)]
    answer = sidecar.ask(arguments.url, "/api/v1/latency", query)
    if arguments.json:
        say(json.dumps(answer, indent=2))
    elif answer["rows"]:
        dimensions = [name.strip() for name in arguments.by.split(",") if name.strip()]
        say(f"Latency {period(answer)}\n\n{render(_columns(answer, dimensions), ruled=True)}")
    else:
        say(nothing("spans", answer, filtered=bool(arguments.where)))
    return 0


def _columns(answer: Mapping[str, Any], dimensions: Sequence[str]) -> list[Column]:
    rows, total = answer["rows"], answer["total"]
    names = [Column(name, [*(row[name] or "-" for row in rows), ""], right=False) for name in dimensions]
    counts = [Column(heading, [number(row[heading]) for row in (*rows, total)]) for heading in ("count", "errors")]
    times = [
        Column(text, [duration(row[name]) for row in (*rows, total)], rank=RANKS.get(name, 0))
        for name, text in DURATIONS.items()
    ]
    rates = [_rate(row["output_tokens_per_s"]) for row in (*rows, total)]
    return [*names, *counts, *times, Column("tokens/s", rates, rank=RANKS["output_tokens_per_s"])]


def _rate(tokens_per_s: float | None) -> str:
    return "-" if tokens_per_s is None else f"{tokens_per_s:,.1f}"

"""`spanmeter traces`: the traces of a period in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import counted, duration, nothing, number, period


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which traces, in which order, from which sidecar."""
    parser.add_argument("--order", default="time", choices=("time", "cost", "duration"), help="what comes first (time)")
    parser.add_argument("--limit", default="20", metavar="N", help="how many to list (20)")
    parser.add_argument("--errors", action="store_true", help="only traces with a failed step")
    sidecar.add_selection(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the list.

    Raises:
        SidecarError: The sidecar was not reached or refused the question.
    """
    query = [("order", arguments.order), ("limit", arguments.limit), ("errors", str(arguments.errors).lower())]
    answer = sidecar.ask(arguments.url, "/api/v1/traces", [*query, *sidecar.selection(arguments)])
    traces = answer["traces"]
    if arguments.json:
        say(json.dumps(answer, indent=2))
    elif traces:
        shown = f"{number(len(traces))} of {counted(answer['total'], 'trace')}"
        say(f"{shown} {period(answer)}\n\n{render(_columns(traces))}\n\nOne of them: spanmeter trace TRACE")
    else:
        say(nothing("traces", answer, filtered=bool(arguments.where or arguments.errors)))
    return 0


def _columns(traces: Sequence[Mapping[str, Any]]) -> list[Column]:
    return [
        Column(
            "started (UTC)",
            [trace["start"][:19].replace("T", " ") for trace in traces],
            right=False,
            whole=True,
            rank=1,
        ),
        Column("trace", [trace["trace_id"] for trace in traces], right=False, whole=True),
        Column("name", [trace["name"] for trace in traces], right=False),
        Column("duration", [duration(trace["duration_s"]) for trace in traces], rank=2),
        Column("errors", [number(trace["errors"]) for trace in traces], rank=3),
        Column("calls", [number(trace["calls"]) for trace in traces], rank=4),
        Column("input", [number(trace["input_tokens"]) for trace in traces], rank=6),
        Column("output", [number(trace["output_tokens"]) for trace in traces], rank=5),
        Column("cost", [_cost(trace) for trace in traces]),
    ]


def _cost(trace: Mapping[str, Any]) -> str:
    partly = trace["unpriced_calls"] and trace["cost_usd"] is not None
    return readable_usd(trace["cost_usd"]) + (" + unknown" if partly else "")

"""`spanmeter trace`: one trace step by step in the terminal."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.table import Column, harmless, render
from spanmeter_collector.transcript import transcript
from spanmeter_collector.wording import counted, duration, number, priced_share

BAR: Final = 30

Step = tuple[str, Mapping[str, Any]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which trace, from which sidecar."""
    parser.add_argument("id", help="the trace's id: 32 hexadecimal digits, as `spanmeter traces` lists them")
    parser.add_argument("--full", action="store_true", help="show prompts and answers in full, however long")
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the tree of steps with their place in time, tokens and cost, and what they quote where that is stored.

    Raises:
        SidecarError: The sidecar was not reached, or it does not know the trace.
    """
    trace = sidecar.ask(arguments.url, f"/api/v1/traces/{quote(arguments.id, safe='')}")
    if arguments.json:
        say(json.dumps(trace, indent=2))
        return 0
    total = trace["total"]
    tokens = f"{number(total['input_tokens'])} in, {number(total['output_tokens'])} out"
    say(f"{harmless(trace['name'])}, {trace['start'][:19].replace('T', ' ')} UTC, trace {trace['trace_id']}")
    figures = (duration(trace["duration_s"]), counted(total["calls"], "call"), f"{tokens} tokens")
    say(", ".join((*figures, readable_usd(total["cost_usd"]))))
    say(f"\n{render(_columns(trace))}\n\n{priced_share(total, trace['priced_share'])}")
    say(f"\n{transcript(trace, full=arguments.full)}")
    return 0


def _columns(trace: Mapping[str, Any]) -> list[Column]:
    steps = list(_steps(trace["spans"]))
    spans = [span for _, span in steps]
    return [
        Column("step", [prefix + span["name"] + _remark(span) for prefix, span in steps], right=False),
        Column("when", [_bar(span, trace["duration_s"]) for span in spans], right=False, whole=True, rank=4),
        Column("duration", [duration(span["duration_s"]) for span in spans]),
        Column("input", [_tokens(span, "input_tokens") for span in spans], rank=2),
        Column("output", [_tokens(span, "output_tokens") for span in spans], rank=1),
        Column("cost", [readable_usd(span["cost_usd"]) if span["grade"] else "" for span in spans]),
        Column("model", [span["model"] for span in spans], right=False, rank=3),
    ]


def _steps(spans: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    """Every span below its parent with the branches before its name; a span of an unknown parent is a root."""
    known = {span["span_id"] for span in spans}
    children: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for span in spans:
        children[span["parent_span_id"] if span["parent_span_id"] in known else ""].append(span)
    waiting = [("", "", span) for span in reversed(children[""])]
    while waiting:
        prefix, below, span = waiting.pop()
        yield prefix, span
        branches = children[span["span_id"]]
        lasts = [child is branches[-1] for child in branches]
        waiting += [
            (below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "), child)
            for child, last in zip(reversed(branches), reversed(lasts), strict=True)
        ]


def _bar(span: Mapping[str, Any], whole_s: float) -> str:
    if whole_s <= 0:
        return "█"
    start: int = min(BAR - 1, int(span["offset_s"] / whole_s * BAR))
    length: int = max(1, round(span["duration_s"] / whole_s * BAR))
    return " " * start + "█" * min(length, BAR - start)


def _remark(span: Mapping[str, Any]) -> str:
    if span["status"] == "error":
        return f" (failed: {span['error_type'] or 'error'})"
    if span["cache_hits"]:
        return " (cache hit)"
    return " (cancelled)" if span["status"] == "cancelled" else ""


def _tokens(span: Mapping[str, Any], name: str) -> str:
    return number(span[name]) if span["calls"] or span[name] else ""

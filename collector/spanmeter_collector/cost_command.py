"""`spanmeter cost`: the bill in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import aligned, nothing, number, period, priced_share, wrapped

TOKENS: Final = {"input_tokens": "input", "cached_input_tokens": "cached", "output_tokens": "output"}
WHEN_ANY: Final = {"failed_calls": "failed", "cache_hits": "cache hits", "unpriced_calls": "unpriced"}
RANKS: Final = {
    "unpriced_calls": 1,
    "input_tokens": 2,
    "output_tokens": 3,
    "cache_hits": 4,
    "failed_calls": 5,
    "cached_input_tokens": 6,
}
"""What is left out first where a terminal is narrow has the highest."""
ADVICE: Final = (
    "Give them prices in the file that SPANMETER_PRICES names (spanmeter prices MODEL says why one has none), "
    "then run: spanmeter reprice"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to group by, which period, which filters, which sidecar."""
    parser.add_argument("--by", default="model", metavar="DIM[,DIM]", help="dimensions such as model,day or tag.KEY")
    sidecar.add_selection(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the bill.

    Raises:
        SidecarError: The sidecar was not reached or refused the question.
    """
    query = [("group_by", arguments.by), *sidecar.selection(arguments)]
    answer = sidecar.ask(arguments.url, "/api/v1/cost", query)
    if arguments.json:
        say(json.dumps(answer, indent=2))
    elif answer["rows"]:
        say(_bill(answer, [name.strip() for name in arguments.by.split(",") if name.strip()]))
    else:
        say(nothing("calls", answer, filtered=bool(arguments.where)))
    return 0


def _bill(answer: Mapping[str, Any], dimensions: Sequence[str]) -> str:
    rows, total = answer["rows"], answer["total"]
    lines = [f"Cost {period(answer)}", "", render(_columns(rows, total, dimensions), ruled=True), ""]
    lines.append(priced_share(total, answer["priced_share"]))
    if answer["truncated"]:
        lines.append(f"The {number(len(rows))} first rows are shown; the total is over all.")
    if answer["unpriced"]:
        lines += ["", "Without a known price:", "", _without_price(answer["unpriced"]), "", *wrapped(ADVICE)]
    return "\n".join(lines)


def _without_price(models: Sequence[Mapping[str, Any]]) -> str:
    counts = {"calls": "calls", "input_tokens": "input", "output_tokens": "output"}
    names = [Column(name, [model[name] or "-" for model in models], right=False) for name in ("provider", "model")]
    return render([*names, *(Column(text, [number(model[name]) for model in models]) for name, text in counts.items())])


def _columns(rows: Sequence[Mapping[str, Any]], total: Mapping[str, Any], dimensions: Sequence[str]) -> list[Column]:
    names = [Column(name, [*(row[name] or "-" for row in rows), ""], right=False) for name in dimensions]
    figures = {"calls": "calls"} | {name: text for name, text in WHEN_ANY.items() if total[name]} | TOKENS
    columns = [
        Column(heading, [number(row[name]) for row in (*rows, total)], rank=RANKS.get(name, 0))
        for name, heading in figures.items()
    ]
    return [*names, *columns, Column("cost", aligned([readable_usd(row["cost_usd"]) for row in (*rows, total)]))]

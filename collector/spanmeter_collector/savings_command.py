"""`spanmeter savings`: what calls would have saved, in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.saving_terms import OFFLINE, OFFLINE_TAG, OPTIONS, SWAP, TIERS
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import aligned, counted, nothing, number, period, wrapped

_TIMEOUT_S: Final = 300.0
_EXAMPLES: Final = 2
ABOUT: Final = (
    "Saved is what is left after the proposals above: each dollar is counted once. Alone is what one saves by itself."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to suppose, which period, which filters, which sidecar."""
    default = OPTIONS.defaults
    parser.add_argument("--swap", action="append", default=[], metavar="MODEL=OTHER", help=f"another model: {SWAP}")
    text = f"calls that nobody waits for, beside those with {OFFLINE_TAG}=true: {OFFLINE}"
    parser.add_argument("--offline", action="append", default=[], metavar="DIM=VALUE", help=text)
    parser.add_argument("--tier", default=default["tier"], choices=TIERS, help="whose prices they pay (%(default)s)")
    text = "the most documents of a search that a call should be given (%(default)s: no limit)"
    parser.add_argument("--top-k", default=default["top_k"], metavar="DOCUMENTS", help=text)
    text = "the most input tokens a call should have (%(default)s: no limit)"
    parser.add_argument("--input-limit", default=default["input_limit"], metavar="TOKENS", help=text)
    text = "how long a cache would keep what it has (%(default)s)"
    parser.add_argument("--ttl", default=default["ttl"], metavar="LENGTH", help=text)
    sidecar.add_selection(parser, since=default["since"])
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the proposals.

    Raises:
        SidecarError: The sidecar was not reached or refused the question.
    """
    named = [(option, value) for option in ("swap", "offline") for value in getattr(arguments, option)]
    terms = [(option, getattr(arguments, option)) for option in ("tier", "top_k", "input_limit", "ttl")]
    query = [*named, *terms, *sidecar.selection(arguments)]
    answer = sidecar.ask(arguments.url, "/api/v1/savings", query, timeout_s=_TIMEOUT_S)
    if arguments.json:
        say(json.dumps(answer, indent=2))
    elif answer["calls"]:
        say("\n".join(_lines(answer)))
    else:
        say(nothing("calls", answer, filtered=bool(arguments.where)))
    return 0


def _lines(answer: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for row in answer["proposals"] if row["calls"]]
    saved, spend = readable_usd(answer["saved_usd"]), readable_usd(answer["spend_usd"])
    yield f"Savings {period(answer)}: {saved} of {spend}"
    yield ""
    if rows:
        yield render(_columns(rows, answer), ruled=True)
        yield ""
        yield from wrapped(ABOUT)
    yield from _unknown(answer)
    for row in rows:
        yield ""
        yield from wrapped(f"{_title(row)}: {row['assumption']}")
        for example in row["examples"][:_EXAMPLES]:
            yield f"  trace {example['trace_id']} span {example['span_id']}, {readable_usd(example['usd'])}"
    if rest := [row for row in answer["proposals"] if not row["calls"]]:
        yield ""
        yield from wrapped(f"No call of the period: {', '.join(map(_title, rest))}.")


def _unknown(answer: Mapping[str, Any]) -> Iterator[str]:
    calls, unpriced = answer["calls"], answer["unpriced_calls"]
    if unpriced:
        yield f"What {number(unpriced)} of {counted(calls, 'call')} cost is unknown and in no figure."
    if answer["compared_calls"] < calls:
        yield (
            f"{number(answer['compared_calls'])} of {counted(calls, 'call')} carry a hash of what they asked; "
            "only they can be found to be equal."
        )


def _columns(rows: Sequence[Mapping[str, Any]], answer: Mapping[str, Any]) -> list[Column]:
    unknown = any(row["unpriced_calls"] for row in rows)
    saved = [*(readable_usd(row["saved_usd"]) for row in rows), readable_usd(answer["saved_usd"])]
    columns = [
        Column("proposal", [*map(_title, rows), ""], right=False, whole=True),
        Column("calls", [*(number(row["calls"]) for row in rows), ""]),
        Column("unpriced", [*(number(row["unpriced_calls"]) for row in rows), ""], rank=1) if unknown else None,
        Column("input", [*(number(row["input_tokens"]) for row in rows), ""], rank=2),
        Column("output", [*(number(row["output_tokens"]) for row in rows), ""], rank=3),
        Column("alone", [*aligned([readable_usd(row["alone_usd"]) for row in rows]), ""]),
        Column("saved", aligned(saved)),
    ]
    return [column for column in columns if column is not None]


def _title(row: Mapping[str, Any]) -> str:
    return str(row["name"]).replace("_", " ")

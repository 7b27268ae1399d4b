"""`spanmeter caches`: what applications' caches saved and how providers' prompt caches are used, in the terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import say
from spanmeter_collector.money import readable_usd
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import aligned, number, period, wrapped

_TOKENS: Final = {
    "read_tokens": "read",
    "written_tokens": "written",
    "never_read_tokens": "never read",
    "open_tokens": "open",
}
_USD: Final = {
    "read_saved_usd": ("saved by reads", 0),
    "write_extra_usd": ("more for writes", 2),
    "net_saved_usd": ("saved in all", 0),
    "never_read_usd": ("never read, paid", 1),
}
"""Amounts by their headings, and how soon each is left out where there is no room."""
_EXPLAINED: Final = (
    "Saved by reads: what the tokens read would have cost as plain input, beyond what they cost. More for writes: what "
    "writing cost beyond plain input. Never read: no later call of the same service and model read anything while it "
    "was kept; at least so much. Open: it may still be read."
)
_BY: Final = {"caches": "cache", "prompt-caching": "provider,model"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to group by, which period, which filters, which sidecar."""
    parser.add_argument("--by", metavar="DIM[,DIM]", help="dimensions such as tenant,day (cache; provider,model)")
    sidecar.add_selection(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print what caches did.

    Raises:
        SidecarError: The sidecar was not reached or refused the question.
    """
    by = {path: _dimensions(arguments.by, path) for path in _BY}
    answers = {path: _ask(arguments, path, by[path]) for path in _BY}
    if arguments.json:
        say(json.dumps({path.replace("-", "_"): answer for path, answer in answers.items()}, indent=2))
        return 0
    say(_caches(answers["caches"], by["caches"]))
    say("")
    say(_prompt_caching(answers["prompt-caching"], by["prompt-caching"]))
    return 0


def _dimensions(asked: str | None, path: str) -> list[str]:
    """What to group an answer by; `cache` is no dimension of a provider's."""
    names = [
        name for name in (asked or "").replace(" ", "").split(",") if name and (path == "caches" or name != "cache")
    ]
    return names or _BY[path].split(",")


def _ask(arguments: argparse.Namespace, path: str, by: Sequence[str]) -> Any:  # noqa: ANN401  JSON
    filters = [(name, value) for name, value in sidecar.selection(arguments) if path == "caches" or name != "cache"]
    return sidecar.ask(arguments.url, f"/api/v1/{path}", [("group_by", ",".join(by)), *filters])


def _caches(answer: Mapping[str, Any], dimensions: Sequence[str]) -> str:
    rows, total = answer["rows"], answer["total"]
    if not rows:
        return f"No request to a cache {period(answer)}. Ask for a longer period: --since 7d"
    lines = (*rows, total)
    columns = [
        *_names(rows, dimensions),
        Column("hits", [number(row["hits"]) for row in lines]),
        Column("misses", [number(row["misses"]) for row in lines]),
        Column("hit share", [_percent(row["hit_share"]) for row in lines], rank=1),
        Column("saved", aligned([readable_usd(row["saved_usd"]) for row in lines])),
    ]
    told = [f"Caches of applications {period(answer)}", "", render(columns, ruled=True)]
    if unpriced := total["unpriced_hits"]:
        sentence = f"What {number(unpriced)} of the {number(total['hits'])} hits saved is unknown and not in the sum."
        told += ["", sentence]
    return "\n".join(told)


def _prompt_caching(answer: Mapping[str, Any], dimensions: Sequence[str]) -> str:
    rows, total = answer["rows"], answer["total"]
    if not rows:
        return f"No token was read from or written to a provider's prompt cache {period(answer)}."
    lines = (*rows, total)
    columns = [
        *_names(rows, dimensions),
        *(Column(heading, [number(row[name]) for row in lines]) for name, heading in _TOKENS.items()),
        *(
            Column(heading, aligned([readable_usd(row[name]) for row in lines]), rank=rank)
            for name, (heading, rank) in _USD.items()
        ),
    ]
    told = [f"Providers' prompt caches {period(answer)}", "", render(columns, ruled=True), "", *wrapped(_EXPLAINED)]
    if unpriced := total["unpriced_tokens"]:
        told += ["", *wrapped(f"What {number(unpriced)} of these tokens saved or cost is unknown and not in the sums.")]
    return "\n".join(told)


def _names(rows: Sequence[Mapping[str, Any]], dimensions: Sequence[str]) -> list[Column]:
    return [Column(name, [*(row[name] or "-" for row in rows), ""], right=False) for name in dimensions]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"

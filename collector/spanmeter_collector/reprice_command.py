"""`spanmeter reprice`: what other prices change, in the terminal, and the correction of the ledger."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final

from spanmeter_collector import sidecar
from spanmeter_collector.console import say, tell_progress, waits_at_a_terminal
from spanmeter_collector.money import readable_usd
from spanmeter_collector.sidecar import BrokenOffError, SidecarError
from spanmeter_collector.table import Column, render
from spanmeter_collector.wording import aligned, counted, number, period

TIMEOUT_S: Final = 3600.0
_EVERY_S: Final = 1.0
_WHEN_ANY: Final = {"newly_priced": "newly priced", "newly_unpriced": "newly unpriced"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which period, which calls, whether to write, which sidecar."""
    parser.add_argument("--dry-run", action="store_true", help="show what would change and write nothing")
    parser.add_argument("--model", action="append", default=[], metavar="MODEL", help="only this; may be given again")
    sidecar.add_selection(parser)
    sidecar.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Correct the ledger, or say what that would change.

    Raises:
        SidecarError: The sidecar was not reached or refused.
    """
    query = [("dry_run", str(arguments.dry_run).lower()), *(("model", model) for model in arguments.model)]
    query += sidecar.selection(arguments)
    with _telling(arguments.url):
        answer = _answer(arguments, query)
    say(json.dumps(answer, indent=2) if arguments.json else _report(answer))
    return 0


def _answer(arguments: argparse.Namespace, query: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    try:
        return sidecar.ask(arguments.url, "/api/v1/reprice", query, method="POST", timeout_s=TIMEOUT_S)
    except BrokenOffError as error:
        if arguments.dry_run:
            raise
        advice = "Calls that were repriced until then stay so, the others are as before: run it again to complete it"
        raise SidecarError(f"{error}. {advice}") from error


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Tell whoever waits at a terminal every second how far it has come."""
    if not waits_at_a_terminal():
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_tell, args=(url, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        tell_progress("")


def _tell(url: str, ended: threading.Event) -> None:
    while not ended.wait(_EVERY_S):
        try:
            share = sidecar.ask(url, "/api/v1/reprice", timeout_s=_EVERY_S)["share"]
        except (SidecarError, KeyError):
            continue
        if share is not None and not ended.is_set():
            tell_progress(f"{share:.0%} of the period gone through")


def _report(answer: Mapping[str, Any]) -> str:
    changed = [row for row in answer["rows"] if row["changed_calls"]]
    parts = [f"Calls {period(answer)}, at {answer['price_version']}"]
    if changed:
        parts.append(render(_columns([*changed, _sums(answer, changed)]), ruled=True))
    parts.append("\n".join(_sentences(answer)))
    return "\n\n".join(parts)


def _sums(answer: Mapping[str, Any], changed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The sums over what is shown; the models that stay as they are do not change them."""
    if len(changed) == len(answer["rows"]):
        return {**answer["total"], "provider": "", "model": ""}
    counts = {name: sum(row[name] for row in changed) for name in ("calls", "changed_calls", *_WHEN_ANY)}
    money = {name: _sum(row[name] for row in changed) for name in ("old_usd", "new_usd")}
    return {**answer["total"], **counts, **money, "provider": "", "model": ""}


def _sum(amounts: Iterable[str | None]) -> str | None:
    known = [Decimal(amount) for amount in amounts if amount is not None]
    return str(sum(known)) if known else None


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    counts = {"calls": "calls", "changed_calls": "changed"}
    counts |= {name: text for name, text in _WHEN_ANY.items() if any(row[name] for row in rows)}
    amounts = {"old_usd": "old", "new_usd": "new", "difference_usd": "difference"}
    return [
        *(Column(name, [*(row[name] or "-" for row in rows[:-1]), ""], right=False) for name in ("provider", "model")),
        *(
            Column(text, [number(row[name]) for row in rows], rank=rank)
            for rank, (name, text) in enumerate(counts.items(), 1)
        ),
        *(Column(text, aligned([_amount(name, row[name]) for row in rows])) for name, text in amounts.items()),
    ]


def _amount(name: str, usd: str | None) -> str:
    text = readable_usd(usd)
    return f"+{text}" if name == "difference_usd" and usd is not None and Decimal(usd) > 0 else text


def _sentences(answer: Mapping[str, Any]) -> list[str]:
    total = answer["total"]
    same = total["calls"] - total["changed_calls"]
    lines = [f"{counted(same, 'call')} {'costs' if same == 1 else 'cost'} the same as before."] if same else []
    if answer["calls_without_span"]:
        lines.append(f"{counted(answer['calls_without_span'], 'call')} left alone: no span of them is stored any more.")
    if not total["calls"] and not answer["calls_without_span"]:
        lines.append("No call of this period has anything to bill.")
    elif not total["changed_calls"]:
        lines.append("Nothing changes.")
    elif answer["written"]:
        lines.append(f"Written: the ledger's sum changed by {_amount('difference_usd', total['difference_usd'])}.")
    else:
        lines.append("Nothing is written yet; the same command without --dry-run corrects the ledger.")
    return lines

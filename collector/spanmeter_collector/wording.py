"""Figures as people read them in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from spanmeter_collector.console import terminal_width


def duration(seconds: float | None) -> str:
    """1.24 s, 120 ms, 2 min 5 s; "-" when there was nothing to measure."""
    if seconds is None:
        return "-"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.2f} ms" if 0 < seconds < 0.001 else f"{seconds * 1e3:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def number(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}"


def counted(value: int, one: str, many: str = "") -> str:
    """A number with its noun: 1 call, 2 calls."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def period(answer: Mapping[str, Any]) -> str:
    """From when until when an answer speaks, to the second."""
    since, until = (answer[name][:19].replace("T", " ") for name in ("since", "until"))
    return f"from {since} to {until} UTC"


def aligned(amounts: Sequence[str]) -> list[str]:
    """Pads after the decimals, so that the points stand under each other."""
    decimals = [len(amount.rpartition(".")[2]) if "." in amount else 0 for amount in amounts]
    most = max(decimals)
    return [amount + " " * (most - own) if own else amount for amount, own in zip(amounts, decimals, strict=True)]


def wrapped(sentence: str) -> list[str]:
    """The lines of a sentence in the terminal; one line where standard output is none."""
    return wrap(sentence, width) if (width := terminal_width()) else [sentence]


def priced_share(total: Mapping[str, Any], share: float) -> str:
    """The line under every total: which part of it has a known price."""
    if not total["calls"]:
        return "Priced: no call was answered."
    if not total["unpriced_calls"]:
        return f"Priced: 100 % of {counted(total['calls'], 'call')}."
    percent = min(99.9, share * 100)
    return (
        f"Priced: {percent:.1f} % of {counted(total['calls'], 'call')}; what the other "
        f"{number(total['unpriced_calls'])} cost is unknown and not in the total."
    )


def nothing(what: str, answer: Mapping[str, Any], *, filtered: bool) -> str:
    """What to say and do when an answer is empty."""
    wider = "a longer period (--since 7d) or fewer filters" if filtered else "a longer period (--since 7d)"
    return f"No {what} {period(answer)}. Ask for {wider}, or make some with: spanmeter demo --once"

"""What a question about savings supposes: the models and calls it names, what a cache keeps, what is too much."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.selection import SAVINGS, TAG, Options, Selection
from spanmeter_collector.times import read_length

OPTIONS: Final = Options(
    SAVINGS,
    {
        "since": "24h",
        "until": "",
        "swap": "",
        "offline": "",
        "tier": "batch",
        "top_k": "0",
        "input_limit": "0",
        "ttl": "24h",
    },
    repeatable=frozenset({"swap", "offline"}),
)
TIERS: Final = ("batch", "flex")
SWAP: Final = "MODEL=OTHER[,DIM=VALUE…][,at=PROVIDER] such as gpt-4o=gpt-4o-mini,feature=search"
OFFLINE: Final = "DIM=VALUE[,DIM=VALUE…] such as feature=nightly-report"
OFFLINE_TAG: Final = "tag.offline"
_AT: Final = "at"
_MOST_NAMED: Final = 20
_LARGEST_LIMIT: Final = 10_000_000
_MOST_DOCUMENTS: Final = 100
_SHORTEST_S, _LONGEST_S = 60, 30 * 86_400
_SNAPSHOT: Final = "(-[0-9]{4}-[0-9]{2}-[0-9]{2}|-[0-9]{8}|-[0-9]{4}|@[0-9]{8}|-latest)?"

Conditions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Swap:
    """Another model for the calls of one, of those that meet the conditions; an empty provider is the same one."""

    model: str
    other: str
    provider: str
    conditions: Conditions

    def __str__(self) -> str:
        """As people read it."""
        where = "".join(f", {name}={value}" for name, value in self.conditions)
        return f"{self.model} → {self.other}{where}"


@dataclass(frozen=True, slots=True)
class Terms:
    """The checked options of a question about savings."""

    swaps: tuple[Swap, ...]
    offline: tuple[Conditions, ...]
    tier: str
    top_k: int
    input_limit: int
    ttl_ms: int
    ttl: str

    @classmethod
    def of(cls, selection: Selection) -> Self:
        """The terms of a selection.

        Raises:
            QuestionError: An option is not allowed; the message names it, its value and what is.
        """
        swaps, offline = selection.several("swap"), selection.several("offline")
        if len(swaps) + len(offline) > _MOST_NAMED:
            raise QuestionError(f"more than {_MOST_NAMED} of swap and offline; ask for fewer at once")
        return cls(
            swaps=tuple(map(_swap, swaps)),
            offline=tuple(_conditions("offline", text, text.split(","), OFFLINE) for text in offline),
            tier=selection.choice("tier", TIERS),
            top_k=selection.whole("top_k", least=0, most=_MOST_DOCUMENTS),
            input_limit=selection.whole("input_limit", least=0, most=_LARGEST_LIMIT),
            ttl_ms=_ttl_ms(selection.options["ttl"]),
            ttl=selection.options["ttl"],
        )

    def fragments(self) -> tuple[dict[str, str], dict[str, object]]:
        """Fragments `swap` (the number of the first that names a call, 0: none) and `offline`, and what they bind.

        Neither tells of calls that say themselves that nobody waits for them.
        """
        bound: dict[str, object] = {}
        choices = []
        for number, swap in enumerate(self.swaps, 1):
            where = _where(swap.conditions, f"swap_{number}", bound)
            choices.append(f"match(charges.model, {{swap_{number}:String}}){where}, {number}")
            bound[f"swap_{number}"] = f"^{re.escape(swap.model)}{_SNAPSHOT}$"
        named = [
            "true" + _where(conditions, f"offline_{number}", bound) for number, conditions in enumerate(self.offline)
        ]
        return {
            "swap": f"multiIf({', '.join(choices)}, 0)" if choices else "0",
            "offline": " OR ".join(f"({each})" for each in named) or "0",
        }, bound


def _where(conditions: Conditions, prefix: str, bound: dict[str, object]) -> str:
    parts = []
    for number, (name, value) in enumerate(conditions):
        key, parameter = f"{prefix}_tag_{number}", f"{prefix}_value_{number}"
        bound[parameter] = value
        if name.startswith(TAG):
            bound[key] = name.removeprefix(TAG)
        parts.append(f" AND {SAVINGS.text(name, key)} = {{{parameter}:String}}")
    return "".join(parts)


def _swap(text: str) -> Swap:
    first, *rest = text.split(",")
    model, equals, other = (word.strip() for word in first.partition("="))
    if not (model and equals and other):
        raise QuestionError(f"swap={text!r} is not allowed; allowed: {SWAP}")
    provider = [word.partition("=")[2].strip() for word in rest if word.partition("=")[0].strip() == _AT]
    named = [word for word in rest if word.partition("=")[0].strip() != _AT]
    return Swap(model, other, provider[-1] if provider else "", _conditions("swap", text, named, SWAP))


def _conditions(option: str, text: str, words: Iterable[str], allowed: str) -> Conditions:
    named = [tuple(part.strip() for part in word.partition("=")) for word in words]
    if any(not (name and equals) for name, equals, _ in named):
        raise QuestionError(f"{option}={text!r} is not allowed; allowed: {allowed}")
    for name, _, _ in named:
        if not SAVINGS.holds(name):
            raise QuestionError(f"{option}={text!r} names {name!r}; allowed: {SAVINGS.listed()}")
    return tuple((name, value) for name, _, value in named)


def _ttl_ms(text: str) -> int:
    try:
        seconds = int(read_length(text).total_seconds())
    except (ValueError, OverflowError):
        seconds = 0
    if not _SHORTEST_S <= seconds <= _LONGEST_S:
        raise QuestionError(f"ttl={text!r} is not allowed; allowed: a length from 1m to 30d such as 1h or 24h")
    return seconds * 1000

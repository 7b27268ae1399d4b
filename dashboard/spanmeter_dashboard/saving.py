"""What calls would have saved, as the sidecar's API tells it, and the table of the proposals."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Self

from spanmeter_dashboard import figures, markup, palette
from spanmeter_dashboard.markup import Cell

_EXAMPLES = 3
_TITLES = {
    "swap": "Another model",
    "top k": "Fewer documents",
    "input limit": "Shorter prompts",
    "batch": "Batch tier",
}
_UNNAMED = {
    "swap": "Name a model and another one above. Whether the other answers well enough, no figure tells.",
    "top k": "Name the most documents of a search above.",
    "input limit": "Name the most input tokens of a prompt above.",
    "batch": "Name calls that nobody waits for above, or give them the tag offline=true.",
}
"""What stands below a proposal that is about no call while nobody named any."""
_NAMED_BY = {"batch": "offline"}
"""The API's parameter that names a proposal, where it is not called as the proposal."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change and what it would have saved: alone, and after those above it; None where that is not known."""

    name: str
    assumption: str
    calls: int
    unpriced_calls: int
    tokens: int
    alone_usd: Decimal | None
    saved_usd: Decimal | None
    examples: tuple[str, ...]

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The proposal of a row of `/api/v1/savings`."""
        return cls(
            name=told["name"].replace("_", " "),
            assumption=told["assumption"],
            calls=told["calls"],
            unpriced_calls=told["unpriced_calls"],
            tokens=told["input_tokens"] + told["output_tokens"],
            alone_usd=_amount(told["alone_usd"]),
            saved_usd=_amount(told["saved_usd"]),
            examples=tuple(example["trace_id"] for example in told["examples"]),
        )


@dataclass(frozen=True, slots=True)
class Savings:
    """The answer of `/api/v1/savings`."""

    proposals: tuple[Proposal, ...]
    calls: int
    unpriced_calls: int
    compared_calls: int
    spend_usd: Decimal
    saved_usd: Decimal

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """What the API told."""
        return cls(
            proposals=tuple(map(Proposal.of, told["proposals"])),
            calls=told["calls"],
            unpriced_calls=told["unpriced_calls"],
            compared_calls=told["compared_calls"],
            spend_usd=Decimal(told["spend_usd"]),
            saved_usd=Decimal(told["saved_usd"]),
        )

    @property
    def saved_share(self) -> float:
        """The saved part of the spend; 0 where nothing was spent."""
        return float(self.saved_usd / self.spend_usd) if self.spend_usd else 0.0


def table(savings: Savings, *, address: Callable[[str], str], named: Collection[str] = ()) -> str:
    """The proposals in the order in which they count, each with what it supposes and links to calls behind it.

    `named` are those that the reader asked for, by the API's parameters; others say how, unless calls do it themselves.
    What could be about calls and is not stands in `rest`.
    """
    header = (
        Cell("Proposal"),
        Cell("Share", room="full"),
        Cell("Calls", number=True, room="half"),
        Cell("Tokens", number=True, room="full"),
        Cell("Alone", number=True, room="half"),
        Cell("Saved", number=True),
    )
    proposals = (
        replace(one, assumption=_UNNAMED[one.name]) if _is_unnamed(one, named) else one for one in savings.proposals
    )
    lines = (
        _line(proposal, savings, address) for proposal in proposals if proposal.calls or _is_unnamed(proposal, named)
    )
    return markup.table(header, lines, label="What would have been saved")


def rest(savings: Savings, *, named: Collection[str] = ()) -> str:
    """The sentences about the proposals without calls, and about calls that cannot be compared; empty for none."""
    without = [_title(one).lower() for one in savings.proposals if not (one.calls or _is_unnamed(one, named))]
    sentences = [f"No call to save by: {', '.join(without)}."] if without else []
    if savings.compared_calls < savings.calls:
        sentences.append(
            f"{figures.count(savings.calls - savings.compared_calls)} of {figures.count(savings.calls)} calls carry no "
            "hash of what they asked and cannot be compared: their application writes none, or has "
            "SPANMETER_HASH_KEY=off."
        )
    return " ".join(sentences)


def _is_unnamed(proposal: Proposal, named: Collection[str]) -> bool:
    name = _NAMED_BY.get(proposal.name, proposal.name.replace(" ", "_"))
    return proposal.name in _UNNAMED and not proposal.calls and name not in named


def _title(proposal: Proposal) -> str:
    return _TITLES.get(proposal.name, proposal.name.capitalize())


def _line(proposal: Proposal, savings: Savings, address: Callable[[str], str]) -> tuple[Cell, ...]:
    saved = proposal.saved_usd or Decimal(0)
    part = float(saved / savings.spend_usd) if savings.spend_usd else 0.0
    names = {trace: f"{trace[:8]}…" for trace in dict.fromkeys(proposal.examples)}
    links = " ".join(markup.link(address(trace), name) for trace, name in list(names.items())[:_EXAMPLES])
    unknown = markup.chip(f"{figures.count(proposal.unpriced_calls)} without a price", "warn")
    below = [markup.text(proposal.assumption), unknown if proposal.unpriced_calls else "", links and f"Calls: {links}"]
    sub = "".join(f"<span>{each}</span>" for each in below if each)
    name = markup.text(_title(proposal))
    kind = "sm-cell sm-muted" if proposal.saved_usd == 0 else "sm-cell"
    title = f'<div class="{kind}"><b>{name}</b><div class="sm-sub">{sub}</div></div>'
    return (
        Cell(title),
        Cell(markup.meter(part, palette.NEUTRAL), room="full"),
        Cell(figures.count(proposal.calls), number=True, room="half"),
        Cell(figures.tokens(proposal.tokens), number=True, room="full"),
        Cell(figures.money(proposal.alone_usd), number=True, room="half"),
        Cell(f"<b>{figures.money(proposal.saved_usd)}</b>", number=True),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

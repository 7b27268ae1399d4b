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
}
"""What stands below a proposal that nobody named yet."""


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

    `named` are those that the reader asked for, by the API's parameters.
    """
    header = (
        Cell("Proposal"),
        Cell("Share", room="full"),
        Cell("Calls", number=True, room="half"),
        Cell("Tokens", number=True, room="full"),
        Cell("Alone", number=True, room="half"),
        Cell("Saved", number=True),
    )
    unnamed = {name: text for name, text in _UNNAMED.items() if name.replace(" ", "_") not in named}
    proposals = (replace(one, assumption=unnamed.get(one.name, one.assumption)) for one in savings.proposals)
    lines = (_line(proposal, savings, address) for proposal in proposals)
    return markup.table(header, lines, label="What would have been saved")


def _line(proposal: Proposal, savings: Savings, address: Callable[[str], str]) -> tuple[Cell, ...]:
    saved = proposal.saved_usd or Decimal(0)
    part = float(saved / savings.spend_usd) if savings.spend_usd else 0.0
    names = {trace: f"{trace[:8]}…" for trace in dict.fromkeys(proposal.examples)}
    links = " ".join(markup.link(address(trace), name) for trace, name in list(names.items())[:_EXAMPLES])
    unknown = markup.chip(f"{figures.count(proposal.unpriced_calls)} without a price", "warn")
    below = [markup.text(proposal.assumption), unknown if proposal.unpriced_calls else "", links and f"Calls: {links}"]
    sub = "".join(f"<span>{each}</span>" for each in below if each)
    name = markup.text(_TITLES.get(proposal.name, proposal.name.capitalize()))
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

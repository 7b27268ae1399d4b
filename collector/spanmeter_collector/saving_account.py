"""What each proposal would have saved of what calls cost, added up group by group and piece by piece of a period."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from spanmeter.pricing.money import MONEY
from spanmeter_collector.money import usd_text
from spanmeter_collector.proposals import PROPOSALS, Prices, Proposal, Touched
from spanmeter_collector.saving_group import Example, Group, State
from spanmeter_collector.saving_terms import Terms
from spanmeter_collector.savings_answer import CallAnswer, ProposalAnswer

_EXAMPLES: Final = 5
_ZERO: Final = Decimal(0)


@dataclass(slots=True)
class Sums:
    """What one proposal comes to."""

    calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    alone: Decimal = _ZERO
    saved: Decimal = _ZERO
    examples: list[tuple[Decimal, Example]] = field(default_factory=list)

    def answer(self, proposal: Proposal, terms: Terms) -> ProposalAnswer:
        """The same as the API tells it."""
        is_known = not self.calls or self.unpriced_calls < self.calls
        return ProposalAnswer(
            name=proposal.name,
            assumption=proposal.assumption(terms),
            calls=self.calls,
            unpriced_calls=self.unpriced_calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            alone_usd=usd_text(self.alone) if is_known else None,
            saved_usd=usd_text(self.saved) if is_known else None,
            examples=[
                CallAnswer(trace_id=trace.hex(), span_id=span.hex(), usd=usd_text(usd))
                for _, (_, trace, span, usd) in self.examples
            ],
        )

    def count(self, touched: Touched, before: State, after: State | None) -> None:
        """Add the calls that a proposal touches, what it alone makes of them, and those that save most by it."""
        saved = _saved(before, after)
        each = saved / touched.whole if touched.whole else _ZERO
        self.add(
            Sums(
                calls=touched.calls,
                unpriced_calls=touched.calls if after is None else 0,
                input_tokens=touched.input_tokens,
                output_tokens=touched.output_tokens,
                alone=saved,
                examples=[(each * example[0], example) for example in touched.examples],
            )
        )

    def add(self, other: Sums) -> None:
        """Add what the proposal comes to elsewhere."""
        self.calls += other.calls
        self.unpriced_calls += other.unpriced_calls
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.alone = MONEY.add(self.alone, other.alone)
        self.saved = MONEY.add(self.saved, other.saved)
        self.examples = sorted([*self.examples, *other.examples], key=_most_saved)[:_EXAMPLES]


@dataclass(slots=True)
class Account:
    """What all proposals come to, each by its name."""

    sums: dict[str, Sums] = field(default_factory=lambda: {proposal.name: Sums() for proposal in PROPOSALS})
    hashed_calls: int = 0

    @property
    def saved(self) -> Decimal:
        """What all of them together would have saved."""
        return sum((sums.saved for sums in self.sums.values()), _ZERO)

    def answers(self, terms: Terms) -> list[ProposalAnswer]:
        """The proposals in their order, as the API tells them."""
        return [self.sums[proposal.name].answer(proposal, terms) for proposal in PROPOSALS]

    def count(self, group: Group, prices: Prices) -> None:
        """Ask every proposal what it would have made of a group: of the whole of it, and of what those before left."""
        self.hashed_calls += group.hashed_calls
        touching = [(each, touched) for each in PROPOSALS if (touched := each.touches(group)).calls]
        if not touching:
            return
        first = left = State.of(group, prices.lines(group.key, group))
        for proposal, touched in touching:
            sums = self.sums[proposal.name]
            sums.count(touched, first, proposal.change(first, group, prices))
            after = proposal.change(left, group, prices)
            sums.saved = MONEY.add(sums.saved, _saved(left, after))
            left = left if after is None else after

    def add(self, other: Account) -> None:
        """Add what the proposals come to for other calls."""
        self.hashed_calls += other.hashed_calls
        for name, sums in other.sums.items():
            self.sums[name].add(sums)


def _saved(before: State, after: State | None) -> Decimal:
    if after is None or before.usd is None or after.usd is None:
        return _ZERO
    return MONEY.subtract(before.usd, after.usd)


def _most_saved(found: tuple[Decimal, Example]) -> tuple[Decimal, bytes]:
    owed, (_, _, span_id, _) = found
    return owed, span_id

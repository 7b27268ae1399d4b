"""The bill of a run: what the ledger says, what the provider says, and whether they are equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from spanmeter_rag.ledger import Ledger
from spanmeter_rag.screen import table

_COUNTED = ("calls", "input_tokens", "output_tokens")
_HEAD = ("calls", "failed", "input", "cached", "output", "cost", "priced")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bill:
    """What a run cost. `provider` is None when the provider keeps no record that can be read."""

    queries: int
    traces: int
    total: Row
    priced_share: float
    frameworks: Sequence[Row]
    models: Sequence[Row]
    provider: Mapping[str, int] | None
    dropped_spans: int

    @classmethod
    def read(cls, ledger: Ledger, *, queries: int, provider: Mapping[str, int] | None, ended_spans: int) -> Bill:
        """Read the bill off a settled ledger."""
        frameworks = ledger.cost("framework")
        return cls(
            queries=queries,
            traces=ledger.answered_traces(),
            total=frameworks["total"],
            priced_share=frameworks["priced_share"],
            frameworks=frameworks["rows"],
            models=ledger.cost("model")["rows"],
            provider=provider,
            dropped_spans=ended_spans - ledger.stored_spans(),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the one object that `--json` ends with."""
        by_framework = {
            row["framework"]: {name: row[name] for name in (*_COUNTED, "cost_usd")} for row in self.frameworks
        }
        return {
            "queries": self.queries,
            "traces": self.traces,
            **{name: self.total[name] for name in _COUNTED},
            "cost_usd": self.total["cost_usd"],
            "priced_share": self.priced_share,
            "by_framework": by_framework,
            "provider": None if self.provider is None else {name: self.provider[name] for name in _COUNTED},
            "dropped_spans": self.dropped_spans,
        }

    def differences(self) -> list[str]:
        """Return a sentence for everything that should be equal and is not."""
        if self.provider is None:
            return []
        found = [
            f"{name.replace('_', ' ')}: the ledger has {self.total[name]:,}, the provider counted {counted:,}"
            for name in _COUNTED
            if (counted := self.provider[name]) != self.total[name]
        ]
        if self.priced_share != 1:
            found.append(f"priced share: {self.priced_share}, although every model of the demo has a price")
        if self.traces != self.queries:
            found.append(f"traces: {self.traces} for {self.queries} queries")
        if self.dropped_spans:
            found.append(f"spans: {self.dropped_spans} of those ended in the service are not in the store")
        return found

    def as_text(self) -> str:
        """Return the bill as two tables, with the total and its priced share."""
        frameworks = [_cells(row["framework"] or "(other)", row) for row in self.frameworks]
        models = [_cells(row["model"], row) for row in self.models]
        by_framework = table(("by framework", *_HEAD), frameworks)
        by_model = table(("by model", *_HEAD), [*models, _cells("total", self.total)])
        return f"{by_framework}\n\n{by_model}"


def _cells(name: str, row: Row) -> tuple[str, ...]:
    priced = 1 - row["unpriced_calls"] / row["calls"] if row["calls"] else 1
    counts = ("calls", "failed_calls", "input_tokens", "cached_input_tokens", "output_tokens")
    return (name, *(f"{row[count]:,}" for count in counts), _money(row["cost_usd"]), f"{priced:.0%}")


def _money(usd: str | None) -> str:
    return "unknown" if usd is None else f"${Decimal(usd):.6f}"

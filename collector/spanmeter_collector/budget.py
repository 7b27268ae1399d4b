"""A budget as the sidecar keeps it: its definition, when that began and who wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, Literal, Self

from spanmeter.budget_definition import BudgetDefinition
from spanmeter.budget_period import BudgetPeriod, period_at

Source = Literal["code", "file"]
CODE: Final[Source] = "code"
FILE: Final[Source] = "file"


class UnknownBudgetError(LookupError):
    """There is no such budget; the message says which there are."""


class FileBudgetError(RuntimeError):
    """The budget is defined in the sidecar's file, so nobody else may change it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A definition in force."""

    definition: BudgetDefinition
    created_at: datetime
    source: Source

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """The budget of a row of the store."""
        definition = BudgetDefinition.of(row["name"], json.loads(row["definition"]))
        created_at: datetime = row["created_at"]
        in_utc = created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC)
        return cls(definition, in_utc.astimezone(UTC), FILE if row["source"] == FILE else CODE)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.definition.name

    @property
    def limit(self) -> Decimal:
        """US dollars in a period."""
        return self.definition.limit_usd

    @property
    def is_leased(self) -> bool:
        """Whether holders share it; one for each request alone is kept where the request is."""
        return self.definition.period != "request"

    @property
    def terms(self) -> str:
        """What the sums of a period depend on: another period, zone or scope, or a new beginning, starts new sums."""
        definition = self.definition
        said = [definition.period, definition.timezone, sorted(definition.scope.items()), self.created_at.isoformat()]
        return blake2b(json.dumps(said).encode(), digest_size=8).hexdigest()

    def period_at(self, now: datetime) -> BudgetPeriod:
        """The period that `now` is in."""
        definition = self.definition
        return period_at(now, definition.period, timezone=definition.timezone, since=self.created_at)


@dataclass(frozen=True, slots=True)
class BudgetTime:
    """One period of a budget: what sums are kept for."""

    budget: Budget
    period: BudgetPeriod

    @classmethod
    def at(cls, budget: Budget, now: datetime) -> Self:
        """The period that `now` is in."""
        return cls(budget, budget.period_at(now))

    @property
    def key(self) -> tuple[str, str, int]:
        """Name, terms and start of the period, as the store has them."""
        return self.budget.name, self.budget.terms, milliseconds(self.period.start)

    @property
    def parameters(self) -> dict[str, object]:
        """The same as a question to the store names them."""
        return dict(zip(("budget", "terms", "period"), self.key, strict=True))


def milliseconds(time: datetime) -> int:
    """A time as the store takes it: milliseconds after 1970."""
    return round(time.timestamp() * 1000)

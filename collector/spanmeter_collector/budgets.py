"""Budgets: what they are, how they stand and what a holder may spend, made of definitions, leases and the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget import Budget, BudgetTime
from spanmeter_collector.budget_ledger import BudgetLedger, Spent
from spanmeter_collector.budget_register import BudgetRegister
from spanmeter_collector.budgets_answer import BudgetAnswer, BudgetsAnswer, DefinedBudget, LeaseAnswer
from spanmeter_collector.lease import LEASE_S, ZERO, Ask
from spanmeter_collector.leases import CLOCK, Clock, Leases, Sums
from spanmeter_collector.money import usd_text
from spanmeter_collector.pace import LATELY, Pace
from spanmeter_collector.store import Store
from spanmeter_collector.thresholds import Thresholds
from spanmeter_collector.times import write_time

RENEW_S: Final = 3.0
RENEW_WAITED_FOR_S: Final = 0.5
RETRY_S: Final = 0.2
FRESH_S: Final = 2.0
_KEPT_S: Final = 60.0
"""How old the ledger's sum may be for a lease: the watch keeps it fresher."""
_SHORTEST_S: Final = 600.0
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Standing:
    """How a budget stands in a period."""

    time: BudgetTime
    sums: Sums
    ledger: Spent

    @property
    def spent(self) -> Decimal:
        """The larger of what holders told and what the ledger holds."""
        return max(self.sums.spent, self.ledger.usd)

    @property
    def share(self) -> Decimal:
        """What is spent, of the limit."""
        return self.spent / self.time.budget.limit


class Budgets:
    """The budgets of a store."""

    def __init__(self, store: Store, definitions: Iterable[BudgetDefinition] = (), *, clock: Clock = CLOCK) -> None:
        """`definitions` are those of the operator's file."""
        self._clock = clock
        self.register = BudgetRegister(store, definitions, now=clock.now)
        self.leases = Leases(store, clock=clock)
        self.ledger = BudgetLedger(store, elapsed=clock.elapsed)
        self.thresholds = Thresholds(store, clock=clock)
        self._pace = Pace(clock=clock)

    def lease(self, name: str, ask: Ask) -> LeaseAnswer:
        """What a holder may spend.

        Raises:
            UnknownBudgetError: There is no budget of that name.
        """
        budget, now = self.register.get(name), self._clock.now()
        time = BudgetTime.at(budget, now)
        if ask.period is not None and ask.period != time.period.start:
            return self._other_period(time, ask, ask.period)
        ledger = self.ledger.spent(time, most_old_s=_KEPT_S)
        lease = self.leases.lease(time, ask, ledger.usd)
        given = lease.granted - lease.spent - ask.reserved
        return self._answer(Standing(time, self.leases.sums(time), ledger), ask, max(given, ZERO))

    def standing(self, budget: Budget, *, most_old_s: float = FRESH_S) -> Standing:
        """How a budget stands now."""
        time = BudgetTime.at(budget, self._clock.now())
        standing = Standing(time, self.leases.sums(time), self.ledger.spent(time, most_old_s=most_old_s))
        self._pace.note(time, standing.spent)
        return standing

    def answer_all(self) -> BudgetsAnswer:
        """Every budget and how it stands."""
        rows = [self.answer_one(budget) for budget in self.register.all()]
        return BudgetsAnswer(rows=rows, at=write_time(self._clock.now()))

    def answer_one(self, budget: Budget) -> BudgetAnswer:
        """A budget and how it stands."""
        defined = defined_budget(budget)
        standing = self.standing(budget)
        figures = self._figures(standing) if budget.is_leased else dict.fromkeys(_FIGURES)
        period = standing.time.period
        return BudgetAnswer.model_validate(
            {
                **defined.model_dump(),
                **figures,
                "period_start": write_time(period.start),
                "resets_at": None if period.end is None else write_time(period.end),
                "holders": standing.sums.holders,
                "stopped_calls": standing.sums.stopped,
                "downgraded_calls": standing.sums.downgraded,
                "reached": [usd_text(threshold) for threshold in sorted(self.thresholds.reached(standing.time))],
            }
        )

    def sweep(self) -> None:
        """Forget what was told of periods that are long over."""
        totals = (budget for budget in self.register.all() if budget.definition.period == "total")
        self.leases.sweep([budget.terms for budget in totals])

    def _figures(self, standing: Standing) -> dict[str, Any]:
        now, sums = self._clock.now(), standing.sums
        limit = standing.time.budget.limit
        rate = self._usd_per_hour(standing, now)
        return {
            "spent_usd": usd_text(standing.spent),
            "reserved_usd": usd_text(sums.reserved),
            "lent_usd": usd_text(max(sums.lent - sums.reserved, ZERO)),
            "left_usd": usd_text(max(limit - standing.spent - sums.reserved, ZERO)),
            "share": float(standing.share),
            "unpriced_calls": standing.ledger.unpriced_calls,
            "usd_per_hour": usd_text(round(rate, 12)),
            "exhausts_at": _exhausts_at(standing, rate, now),
        }

    def _usd_per_hour(self, standing: Standing, now: datetime) -> Decimal:
        """How fast money went in the last hour, or since the period began where that is later.

        What was spent in it is the larger of what the ledger holds and what holders told of. A period that has just
        begun counts as ten minutes long: one call in its first second is no pace.
        """
        time = standing.time
        since = max(now - LATELY, time.period.start)
        usd = max(self.ledger.since(time, since, now), self._pace.lately(time, standing.spent))
        return usd * (_HOUR_S / Decimal(max((now - since).total_seconds(), _SHORTEST_S)))

    def _other_period(self, time: BudgetTime, ask: Ask, asked: datetime) -> LeaseAnswer:
        """What a holder tells of a period before is kept; one to come is refused until it is there."""
        other = BudgetTime.at(time.budget, asked)
        if other.period.start == asked and asked < time.period.start:
            self.leases.report(other, ask)
        ledger = self.ledger.spent(time, most_old_s=_KEPT_S)
        return self._answer(Standing(time, self.leases.sums(time), ledger), ask, ZERO)

    def _answer(self, standing: Standing, ask: Ask, given: Decimal) -> LeaseAnswer:
        budget, period = standing.time.budget, standing.time.period
        if not budget.is_leased:
            given = budget.limit
        renew_s = RENEW_WAITED_FOR_S if standing.sums.is_waited_for else RENEW_S
        return LeaseAnswer(
            budget=shown_fields(budget.definition),
            period=write_time(period.start),
            resets_at=None if period.end is None else write_time(period.end),
            granted_usd=usd_text(ask.used + given) or "0",
            expires_in_s=LEASE_S,
            expires_at=write_time(self._clock.now() + timedelta(seconds=LEASE_S)),
            renew_in_s=renew_s,
            retry_in_s=RETRY_S,
            exhausted=budget.is_leased and (standing.spent >= budget.limit or standing.spent + ask.need > budget.limit),
            limit_usd=usd_text(budget.limit) or "0",
            spent_usd=usd_text(standing.spent) or "0",
            reserved_usd=usd_text(standing.sums.reserved) or "0",
        )


_FIGURES: Final = (
    "spent_usd",
    "reserved_usd",
    "lent_usd",
    "left_usd",
    "share",
    "unpriced_calls",
    "usd_per_hour",
    "exhausts_at",
)


def defined_budget(budget: Budget) -> DefinedBudget:
    """A definition as the API tells it."""
    fields = shown_fields(budget.definition)
    return DefinedBudget(name=budget.name, source=budget.source, created_at=write_time(budget.created_at), **fields)


def shown_fields(definition: BudgetDefinition) -> dict[str, Any]:
    """The fields of a definition; of a webhook no more than the host."""
    fields = definition.as_fields()
    if definition.webhook is not None:
        parts = urlsplit(definition.webhook)
        fields["webhook"] = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/"
    return fields


def _exhausts_at(standing: Standing, rate: Decimal, now: datetime) -> str | None:
    """When the limit is reached if money goes on like this; None where that is not before the period ends."""
    left = standing.time.budget.limit - standing.spent
    if left <= 0:
        return write_time(now)
    if rate <= 0:
        return None
    hours = left / rate
    end = standing.time.period.end
    if hours > 24 * 366 * 100:
        return None
    at = now + timedelta(hours=float(hours))
    return write_time(at.replace(microsecond=0)) if end is None or at < end else None

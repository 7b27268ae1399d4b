"""A budget as the sidecar's API tells it, and the table that shows how budgets stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Self

from spanmeter_dashboard import figures, markup, palette
from spanmeter_dashboard.markup import Cell

_WARN_SHARE = 0.8
_EACH = {"total": "in all", "request": "a request"}
_ACTIONS = {"stop": "stops calls", "warn": "warns", "downgrade": "asks another model"}


@dataclass(frozen=True, slots=True)
class Budget:
    """What is allowed, what is spent, and how long that lasts; None for what a budget of single requests has not."""

    name: str
    limit_usd: Decimal
    period: str
    scope: Mapping[str, str]
    action: str
    spent_usd: Decimal | None
    reserved_usd: Decimal | None
    usd_per_hour: Decimal | None
    share: float | None
    unpriced_calls: int
    stopped_calls: int
    downgraded_calls: int
    exhausts_at: datetime | None
    resets_at: datetime | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """The budget of a row of `/api/v1/budgets`."""
        return cls(
            name=told["name"],
            limit_usd=Decimal(told["limit_usd"]),
            period=told["period"],
            scope=told["scope"],
            action=told["action"],
            spent_usd=_amount(told["spent_usd"]),
            reserved_usd=_amount(told["reserved_usd"]),
            usd_per_hour=_amount(told["usd_per_hour"]),
            share=told["share"],
            unpriced_calls=told["unpriced_calls"] or 0,
            stopped_calls=told["stopped_calls"],
            downgraded_calls=told["downgraded_calls"],
            exhausts_at=_time(told["exhausts_at"]),
            resets_at=_time(told["resets_at"]),
        )

    @property
    def colour(self) -> str:
        """Red where nothing is left, orange from four fifths on."""
        share = self.share or 0.0
        if share >= 1:
            return palette.ERROR
        return palette.WAITING if share >= _WARN_SHARE else palette.CATEGORICAL[2]


def table(budgets: Sequence[Budget], *, zone: tzinfo) -> str:
    """One line a budget, the most spent first: how much of it is gone, how fast that goes and until when it lasts."""
    header = (
        Cell("Budget"),
        Cell("Spent"),
        Cell("", number=True),
        Cell("Limit", number=True),
        Cell("Reserved", number=True, room="full"),
        Cell("Per hour", number=True, room="half"),
        Cell("Lasts until", number=True, room="half"),
        Cell("Resets", number=True, room="full"),
    )
    ranked = sorted(budgets, key=lambda budget: (-(budget.share or 0.0), budget.name))
    return markup.table(header, (_line(budget, zone) for budget in ranked), label="Budgets")


def _line(budget: Budget, zone: tzinfo) -> tuple[Cell, ...]:
    share = figures.UNKNOWN if budget.share is None else figures.share(budget.share)
    limit = f"{figures.exact(budget.limit_usd)} {_EACH.get(budget.period, f'a {budget.period}')}"
    return (
        Cell(_named(budget)),
        Cell("" if budget.share is None else markup.meter(budget.share, budget.colour)),
        Cell(f"{figures.money(budget.spent_usd)}<br><small>{share}</small>", number=True),
        Cell(limit, number=True),
        Cell(figures.money(budget.reserved_usd), number=True, room="full"),
        Cell(figures.money(budget.usd_per_hour), number=True, room="half"),
        Cell(_lasts(budget, zone), number=True, room="half"),
        Cell(_at(budget.resets_at, zone), number=True, room="full"),
    )


def _named(budget: Budget) -> str:
    name = f'<span class="sm-name"><span>{markup.text(budget.name)}</span>{_chip(budget)}</span>'
    scope = [f"{name} {value}" for name, value in budget.scope.items()] or ["all calls"]
    said = [*scope, _ACTIONS.get(budget.action, budget.action), *_counted(budget)]
    return f'{name}<span class="sm-sub">{"".join(f"<span>{markup.text(text)}</span>" for text in said)}</span>'


def _chip(budget: Budget) -> str:
    is_spent = budget.share is not None and budget.share >= 1
    return markup.chip("spent", "error" if budget.action == "stop" else "warn") if is_spent else ""


def _counted(budget: Budget) -> Iterable[str]:
    counts = {
        "stopped": budget.stopped_calls,
        "to another model": budget.downgraded_calls,
        "without a known price": budget.unpriced_calls,
    }
    return (f"{figures.count(calls)} {what}" for what, calls in counts.items() if calls)


def _lasts(budget: Budget, zone: tzinfo) -> str:
    if budget.share is None or budget.share >= 1:
        return figures.UNKNOWN
    if budget.exhausts_at is None and budget.resets_at is not None:
        return "the reset"
    return _at(budget.exhausts_at, zone)


def _at(time: datetime | None, zone: tzinfo) -> str:
    return figures.UNKNOWN if time is None else f"{time.astimezone(zone):%d %b %H:%M}"


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)

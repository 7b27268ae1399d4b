"""The budget as an application defines it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, get_args

from spanmeter.budget.account import Account, Away
from spanmeter.budget.budgets import budgets
from spanmeter.budget.picos import usd_of
from spanmeter.budget_definition import THRESHOLDS, Action, BudgetDefinition, DefinitionError, OnUnknown
from spanmeter.settling import settling

Period = Literal["day", "week", "month", "total", "request"]
Amount = str | int | Decimal
_AWAY: Final[tuple[Away, ...]] = get_args(Away)


class Budget:
    """What the calls of an instrumented application may cost in a period; in force as soon as it is made.

    Before a call its cost at most is reserved: its prompt, estimated from its length, and an answer as long as the
    call's own limit (`max_tokens`), else half again as long as the longest of late of that model, else as the model's
    limit, else 16,384 tokens. After the call what it did cost is charged and the rest given back; a call that failed,
    was cancelled or was answered by a cache gives back everything. Embeddings reserve their texts.

    `action` says what happens once the money is spent. `stop` raises `BudgetExceeded` in the place of the call, before
    its provider is asked; `downgrade` asks the model that `downgrade` names instead; `warn` lets calls go on.
    Each of `thresholds`, shares of the limit, is logged and counted once in a period, and told to `webhook`.

    A call is stopped only when what is spent and what its prompt certainly costs exceed the limit. While calls under
    way hold what is left it waits for them, `wait_s` seconds at most; with none under way it goes ahead alone.
    So the overshoot of `stop` is at most what one call in each process costs beyond what was left when it began, and
    what calls under way cost beyond what they had reserved: prompts with fewer than three bytes a token, images, or
    answers without a limit of the call's own that are longer than half again the longest of late.

    `period` is a day, week (from Monday) or month in `timezone`, `total`, or `request`: the outermost
    `spanmeter.measure()` block around a call, else its trace, which is its own where nothing is open around it.
    `scope` names whose calls count, by any dimension of `spanmeter.context` (further names are tags), and by `service`,
    `provider`, `model` as it was asked for, and `operation`; without a scope all do. Calls to models without a price
    can neither be reserved nor charged: `on_unknown` lets them go while money is left (`allow`) or never (`stop`).
    Once the money is spent, `stop` stops every call in the scope but those to models whose price is zero.

    Processes that define a budget of the same name share it through the sidecar, except for `request`. While the
    sidecar is away, `away` says whether each goes on by its own account and what it last knew of the others (`allow`),
    or stops. A budget of the sidecar's own file goes before one of the same name made here.

    Raises:
        ValueError: A value is not allowed; the message says which and what is.
    """

    def __init__(  # noqa: PLR0913  the terms of a budget, each by its name
        self,
        name: str,
        *,
        limit_usd: Amount,
        period: Period = "day",
        timezone: str = "UTC",
        scope: Mapping[str, str] | None = None,
        action: Action = "stop",
        downgrade: Mapping[str, str] | None = None,
        on_unknown: OnUnknown = "allow",
        thresholds: Iterable[Amount] = THRESHOLDS,
        webhook: str | None = None,
        away: Away = "allow",
        wait_s: float = 30.0,
    ) -> None:
        told = {
            "limit_usd": limit_usd,
            "period": period,
            "timezone": timezone,
            "scope": scope or {},
            "action": action,
            "downgrade": downgrade or {},
            "on_unknown": on_unknown,
            "thresholds": thresholds,
            "webhook": webhook,
        }
        definition = BudgetDefinition.of(name, told)
        if away not in _AWAY:
            raise DefinitionError(f"away={away!r} is not allowed; allowed: {', '.join(_AWAY)}")
        if not 0 <= wait_s < float("inf"):
            raise DefinitionError(f"wait_s={wait_s!r} is not allowed; allowed: seconds from 0")
        self._account = _account(definition, away=away, wait_s=wait_s)

    def __repr__(self) -> str:
        terms = self.definition
        told = f"limit_usd={terms.limit_usd:f}, spent_usd={self.spent_usd:f}, reserved_usd={self.reserved_usd:f}"
        return f"<Budget {terms.name!r} period={terms.period} action={terms.action} {told}>"

    @property
    def definition(self) -> BudgetDefinition:
        """The terms in force."""
        return self._account.definition

    @property
    def spent_usd(self) -> Decimal:
        """US dollars spent in the present period, by all processes as far as is known here; of `request` zero."""
        settling.now()
        return usd_of(self._account.spent)

    @property
    def reserved_usd(self) -> Decimal:
        """US dollars that calls under way have reserved."""
        settling.now()
        return usd_of(self._account.reserved)

    @property
    def resets_at(self) -> datetime | None:
        """When the next period begins, None where there is none."""
        return self._account.sums().ends_at

    def close(self) -> None:
        """Have it hold no longer in this process, until one of its name is made again."""
        budgets.close(self.definition.name)


def _account(definition: BudgetDefinition, *, away: Away, wait_s: float) -> Account:
    """Put a budget in force; one of the same name goes on with what was spent."""
    known = budgets.accounts.get(definition.name)
    if known is None:
        account = Account(definition, away=away, wait_s=wait_s)
        budgets.put(account)
        return account
    known.define(definition)
    known.away, known.wait_s = away, wait_s
    budgets.arrange()
    return known

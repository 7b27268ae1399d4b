"""The shapes of the API's answers about budgets."""

from __future__ import annotations

from spanmeter_collector.answers import Answer


class DefinedBudget(Answer):
    """A definition in force; of a webhook only the host is told, for its path may be a secret."""

    name: str
    limit_usd: str
    period: str
    timezone: str
    scope: dict[str, str]
    action: str
    downgrade: dict[str, str]
    on_unknown: str
    thresholds: list[str]
    webhook: str | None
    source: str
    created_at: str


class BudgetAnswer(DefinedBudget):
    """A budget and how it stands in its present period.

    `spent_usd` is the larger of what its holders settled and what the ledger holds for its scope; `lent_usd` is
    what holders may still reach without asking, beyond what they reserved. `usd_per_hour` is what was spent in the
    last hour, the larger of what the ledger has of it and what holders told of since the sidecar started.
    `exhausts_at` is when the limit is reached if money goes on as in the last hour; null where that is not before
    `resets_at`. `reached` lists the thresholds that were reached in the period. A budget for each request alone has
    no sums here: they are null.
    """

    period_start: str
    resets_at: str | None
    spent_usd: str | None
    reserved_usd: str | None
    lent_usd: str | None
    left_usd: str | None
    share: float | None
    unpriced_calls: int | None
    holders: int
    stopped_calls: int
    downgraded_calls: int
    usd_per_hour: str | None
    exhausts_at: str | None
    reached: list[str]


class BudgetsAnswer(Answer):
    """Every budget by name."""

    rows: list[BudgetAnswer]
    at: str


class LeaseAnswer(Answer):
    """What a holder may reach in a period, `granted_usd`, and for how long that holds from the sending of its request.

    It is never less than what the holder spent and reserved. `exhausted` says that no waiting helps before
    `resets_at`; otherwise a holder with less than it needs asks again in `retry_in_s`. `budget` holds the definition's
    fields. Where `period` is not the one that was asked for, that one is not in force.
    """

    budget: dict[str, object]
    period: str
    resets_at: str | None
    granted_usd: str
    expires_in_s: float
    expires_at: str
    renew_in_s: float
    retry_in_s: float
    exhausted: bool
    limit_usd: str
    spent_usd: str
    reserved_usd: str

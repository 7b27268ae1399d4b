"""What an application sees of a budget that holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a call was stopped; US dollars, `resets_at` None where the budget never begins anew."""

    name: str
    limit_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    resets_at: datetime | None
    reason: str


class BudgetExceeded(RuntimeError):  # noqa: N818  a public name: it reads as what happened
    """A budget stopped a call before its provider was asked; nothing was spent on it.

    `name`, `limit_usd`, `spent_usd` and `reserved_usd` (by calls under way) are those of the budget at that moment, in
    US dollars; `resets_at` is when its next period begins, None where there is none. A `RuntimeError`, which LangGraph
    does not try again by itself: before `resets_at` trying again cannot help.
    """

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        self.name = refusal.name
        self.limit_usd = refusal.limit_usd
        self.spent_usd = refusal.spent_usd
        self.reserved_usd = refusal.reserved_usd
        self.resets_at = refusal.resets_at
        super().__init__(_told(refusal))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.refusal,)


def _told(refusal: Refusal) -> str:
    resets = f"; it resets at {refusal.resets_at.isoformat()}" if refusal.resets_at else ""
    return (
        f"budget {refusal.name!r}: {refusal.reason}; of {refusal.limit_usd:f} USD {refusal.spent_usd:f} are spent"
        f" and {refusal.reserved_usd:f} reserved by calls under way{resets}"
    )

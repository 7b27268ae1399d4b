"""What a budget says to a call, and what it keeps for it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanmeter.budget.account import Account
    from spanmeter.budget.sums import Sums


class Verdict(enum.Enum):
    """Why there is no hold: the money is spent; calls under way hold it; or the sidecar has to be asked."""

    SPENT = "it is spent"
    SHORT = "what is left does not pay for this call"
    HELD = "calls under way hold what is left"
    UNASKED = "the sidecar has not answered yet"
    AWAY = "the sidecar that shares it out is away"
    UNPRICED = "the model has no price"


@dataclass(slots=True, eq=False)
class Hold:
    """Trillionths of a dollar that a call keeps reserved until its cost is known."""

    account: Account
    sums: Sums
    picos: int

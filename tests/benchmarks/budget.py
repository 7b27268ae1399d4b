"""What budgets cost a call: CPU of its thread to reserve before it and settle after it, the best of many rounds.

make bench-budget
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from decimal import Decimal
from time import thread_time
from typing import Final

from langchain_core.messages import HumanMessage

import spanmeter
from spanmeter.budget import gate
from spanmeter.budget.sent import Sent
from spanmeter.budget.size import OutputLimit
from spanmeter.budget.turn import take
from spanmeter.langchain.gate import _size
from spanmeter.opening import Opening
from spanmeter.process import calls
from spanmeter.scope import current_scope

ROUNDS: Final = 15
CALLS: Final = 5_000
TARGET_US: Final = 10
COST_USD: Final = Decimal("0.000253")
ASKED: Final = [HumanMessage("What does the insurance cover abroad? " * 50)]
CHAT: Final = Opening("chat", "chat gpt-5", "langchain", provider="openai", model="gpt-5")
LIMIT: Final = OutputLimit(100, firm=True)


def reserve_and_settle() -> None:
    """Do what a call does while there are budgets."""
    size, messages = _size(ASKED)
    turn = gate.turn_for(CHAT, current_scope(), Sent(size, messages, LIMIT), price=calls().price, request=1)
    if turn is None:
        return
    take(turn)
    assert turn.reservation is not None
    turn.reservation.settle(COST_USD)


def best_us(ask: Callable[[], None]) -> float:
    """The least CPU of any round, in microseconds a call."""
    taken = []
    for _ in range(ROUNDS):
        started = thread_time()
        for _ in range(CALLS):
            ask()
        taken.append((thread_time() - started) / CALLS)
    return min(taken) * 1e6


def main() -> None:
    """Measure with more and more budgets."""
    said = [f"CPU us a call, the best of {ROUNDS} rounds of {CALLS}; Python {platform.python_version()}"]
    spanmeter.Budget("others", limit_usd="1", scope={"tenant": "other"})
    said.append(f"a budget for others alone: {best_us(reserve_and_settle):.1f}")
    spanmeter.Budget("all", limit_usd="1000000")
    said.append(f"one budget: {best_us(reserve_and_settle):.1f} (target {TARGET_US})")
    spanmeter.Budget("model", limit_usd="1000000", scope={"model": "gpt-5"})
    said.append(f"two budgets: {best_us(reserve_and_settle):.1f}")
    sys.stdout.write("\n".join(said) + "\n")


if __name__ == "__main__":
    main()

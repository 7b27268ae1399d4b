from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

import spanmeter
from spanmeter.budget.exceeded import Refusal
from spanmeter_rag.answer import Answer
from spanmeter_rag.corpus import Passage
from spanmeter_rag.ladder import NO_MODEL, Ladder, Route
from spanmeter_rag.lexicon import Lexicon
from spanmeter_rag.settings import Settings, Spending
from spanmeter_rag.spending import NAME, limit_spending

if TYPE_CHECKING:
    from tests.deploy.rag.conftest import Finish

SPENT = "budget 'each': it is spent"


def test_without_a_limit_there_is_no_budget() -> None:
    assert limit_spending(Settings()) is None


def test_a_limit_is_a_budget_for_answers_alone() -> None:
    budget = limit_spending(Settings(spending=Spending(Decimal("2.50"), "month", "downgrade")))
    assert budget is not None
    try:
        known = budget.definition
        assert (known.name, known.limit_usd, known.period, known.action) == (
            NAME,
            Decimal("2.50"),
            "month",
            "downgrade",
        )
        assert dict(known.scope) == {"feature": "answer"}
        assert dict(known.downgrade) == dict.fromkeys(("gpt-4.1-mini", "gpt-4o", "gpt-5-mini"), "gpt-4o-mini")
    finally:
        budget.close()


class Stopped:
    """A way whose calls a budget stops."""

    def __init__(self, error: spanmeter.BudgetExceeded) -> None:
        self.error = error
        self.asked = 0

    def ask(self, question: str) -> Answer:
        del question
        self.asked += 1
        raise self.error

    async def ask_async(self, question: str) -> Answer:
        return self.ask(question)

    ask_streaming = ask_async


@pytest.fixture
def exceeded() -> spanmeter.BudgetExceeded:
    one = Decimal(1)
    refusal = Refusal(
        name="each", reason="it is spent", limit_usd=one, spent_usd=one, reserved_usd=Decimal(0), resets_at=None
    )
    return spanmeter.BudgetExceeded(refusal)


def test_once_the_money_is_spent_no_other_model_is_asked(finish: Finish, exceeded: spanmeter.BudgetExceeded) -> None:
    ways = [Stopped(exceeded), Stopped(exceeded)]
    lexicon = Lexicon([Passage("for-0", "statements", "for", "The for statement", "The else clause of a loop.")])
    ladder = Ladder([Route(way, "gpt-4o") for way in ways], lexicon, sources=4)
    outcome = finish(ladder.answer("When does the else clause run?", "async"))
    assert (outcome.answer.text, outcome.model, [way.asked for way in ways]) == (NO_MODEL, "", [1, 0])
    assert outcome.reason.startswith(SPENT)


def test_without_degraded_answers_the_error_comes_through(finish: Finish, exceeded: spanmeter.BudgetExceeded) -> None:
    ladder = Ladder([Route(Stopped(exceeded), "gpt-4o")], None, sources=4)
    with pytest.raises(spanmeter.BudgetExceeded, match=SPENT):
        finish(ladder.answer("Why?", "sync"))

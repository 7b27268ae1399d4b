"""The money of one budget: what is held, waits, is stopped and comes back, by clocks the test moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from spanmeter.budget.account import LEASE_WAIT_S, Account
from spanmeter.budget.hold import Hold, Verdict
from spanmeter.budget.lease import Lease
from spanmeter.budget.likely import Likely
from spanmeter.budget_definition import BudgetDefinition

DOLLAR = 10**12
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Hands:
    """A wall clock and one that nobody sets."""

    now: datetime = NOON
    at: float = 1000.0


@pytest.fixture
def hands() -> Hands:
    return Hands()


def account(hands: Hands, **terms: Any) -> Account:
    away = terms.pop("away", "allow")
    definition = BudgetDefinition.of("b", {"limit_usd": "10", **terms})
    return Account(definition, away=away, wall=lambda: datetime.timestamp(hands.now), clock=lambda: hands.at)


def ask(money: Account, most: int, sure: int = 0, *, waited_s: float = 0.0, request: object = None) -> Hold | Verdict:
    likely = Likely(most * DOLLAR, sure * DOLLAR)
    return money.hold(likely, request=request, asker="call", waited_s=waited_s)


def held(money: Account, most: int, sure: int = 0, **options: Any) -> Hold:
    hold = ask(money, most, sure, **options)
    assert isinstance(hold, Hold)
    return hold


def pay(money: Account, hold: Hold, usd: int) -> None:
    money.settle(hold, usd * DOLLAR)


def sums(money: Account) -> tuple[int, int]:
    """Dollars spent and reserved."""
    return money.spent // DOLLAR, money.reserved // DOLLAR


def test_what_a_call_does_not_need_comes_back(hands: Hands) -> None:
    money = account(hands)
    hold = held(money, 6)
    assert sums(money) == (0, 6)
    pay(money, hold, 2)
    assert sums(money) == (2, 0)


def test_a_call_waits_for_what_others_have_reserved(hands: Hands) -> None:
    money = account(hands)
    first = held(money, 6)
    assert ask(money, 5) is Verdict.HELD
    pay(money, first, 1)
    assert held(money, 5).picos == 5 * DOLLAR


def test_a_call_that_could_cost_more_than_is_left_goes_alone(hands: Hands) -> None:
    money = account(hands)
    alone = held(money, 25, 1)
    assert (alone.picos, ask(money, 1)) == (10 * DOLLAR, Verdict.HELD)
    pay(money, alone, 3)
    assert sums(money) == (3, 0)


@pytest.mark.parametrize(
    ("spent", "sure", "verdict"),
    [(10, 0, Verdict.SPENT), (9, 2, Verdict.SHORT), (12, 0, Verdict.SPENT)],
    ids=["none left", "too little", "overshot"],
)
def test_a_call_whose_prompt_is_more_than_what_is_left_is_stopped(
    hands: Hands, spent: int, sure: int, verdict: Verdict
) -> None:
    money = account(hands)
    money.charge(spent * DOLLAR, request=None)
    assert ask(money, 3, sure) is verdict


def test_a_call_without_a_price_follows_what_the_user_said(hands: Hands) -> None:
    allowing, stopping = account(hands), account(hands, on_unknown="stop")
    assert isinstance(allowing.hold(None, request=None, asker="call", waited_s=0), Hold)
    assert stopping.hold(None, request=None, asker="call", waited_s=0) is Verdict.UNPRICED


def test_a_spent_budget_stops_calls_without_a_price_and_lets_free_ones_go(hands: Hands) -> None:
    money = account(hands)
    holding = held(money, 10)
    assert isinstance(money.hold(None, request=None, asker="call", waited_s=0), Hold)  # money is left, though held
    pay(money, holding, 11)
    assert money.hold(None, request=None, asker="call", waited_s=0) is Verdict.SPENT
    assert isinstance(money.hold(Likely(0, 0), request=None, asker="call", waited_s=0), Hold)


@pytest.mark.parametrize("action", [{"action": "warn"}, {"action": "downgrade", "downgrade": {"a": "b"}}])
def test_only_stop_stops(hands: Hands, action: dict[str, Any]) -> None:
    money = account(hands, **action)
    money.charge(10 * DOLLAR, request=None)
    assert not money.covers(Likely(1, 0), request=None)
    assert held(money, 3, 3).picos == 3 * DOLLAR


def test_a_day_begins_at_midnight_of_the_users_zone(hands: Hands) -> None:
    zone = ZoneInfo("America/New_York")
    hands.now = datetime(2026, 11, 23, 23, 59, 59, tzinfo=zone)
    money = account(hands, timezone="America/New_York")
    late = held(money, 4)
    money.charge(6 * DOLLAR, request=None)
    assert (sums(money), money.sums().ends_at) == ((6, 4), datetime(2026, 11, 24, 5, tzinfo=UTC))
    hands.now += timedelta(seconds=1)
    assert sums(money) == (0, 0)
    pay(money, late, 4)  # it began yesterday, and counts there
    assert (sums(money), held(money, 10).picos) == ((0, 0), 10 * DOLLAR)


def test_a_day_of_25_hours_is_one_day(hands: Hands) -> None:
    hands.now = datetime(2026, 11, 1, 4, tzinfo=UTC)  # midnight in New York, when clocks will go back at 2
    money = account(hands, timezone="America/New_York")
    money.charge(6 * DOLLAR, request=None)
    hands.now += timedelta(hours=24, minutes=59)
    assert sums(money) == (6, 0)
    hands.now += timedelta(minutes=1)
    assert sums(money) == (0, 0)


def test_a_clock_that_is_set_wrong_and_right_again_gives_no_money_twice(hands: Hands) -> None:
    money = account(hands)
    money.charge(6 * DOLLAR, request=None)
    hands.now += timedelta(days=1)
    money.charge(1 * DOLLAR, request=None)
    assert sums(money) == (1, 0)
    hands.now -= timedelta(days=1)
    assert sums(money) == (6, 0)
    hands.now += timedelta(days=1)
    assert sums(money) == (1, 0)
    for _ in range(20):
        hands.now += timedelta(days=3)
        assert sums(money) == (0, 0)
    hands.now -= timedelta(days=60)
    assert sums(money) == (1, 0)


def test_each_threshold_is_told_once_in_a_period(hands: Hands) -> None:
    money = account(hands)
    half, most, whole = money.definition.thresholds
    assert money.passed(money.charge(6 * DOLLAR, request=None)) == (half,)
    assert money.passed(money.charge(1 * DOLLAR, request=None)) == ()
    assert money.passed(money.charge(3 * DOLLAR, request=None)) == (most, whole)
    hands.now += timedelta(days=1)
    assert money.passed(money.charge(5 * DOLLAR, request=None)) == (half,)
    assert money.crossed == {"0.5": 2, "0.8": 1, "1": 1}


def test_each_request_has_money_of_its_own(hands: Hands) -> None:
    money = account(hands, period="request")
    assert [held(money, 6, request=trace).picos for trace in (1, 2)] == [6 * DOLLAR, 6 * DOLLAR]
    assert ask(money, 6, request=1) is Verdict.HELD
    assert held(money, 6, request=None).picos == held(money, 6, request=None).picos == 6 * DOLLAR


def test_a_request_that_a_call_begins_goes_on_with_its_sums(hands: Hands) -> None:
    money = account(hands, period="request")
    first = held(money, 6, request=None)
    money.bind(7, first.sums)
    assert ask(money, 6, request=7) is Verdict.HELD


def lease(hands: Hands, money: Account, granted: int, **figures: int) -> Lease:
    told = Lease(
        starts_s=money.sums().starts_s,
        granted=granted * DOLLAR,
        spent_all=0,
        reserved_all=0,
        spent_told=0,
        reserved_told=0,
        until_s=hands.at + 10,
        renew_at_s=hands.at + 3,
    )
    return replace(told, **{name: usd * DOLLAR for name, usd in figures.items()})  # type: ignore[arg-type]  # all whole


def shared(hands: Hands, **terms: Any) -> Account:
    money = account(hands, **terms)
    money.wake = lambda: None
    return money


def test_a_shared_budget_asks_the_sidecar_first(hands: Hands) -> None:
    money = shared(hands)
    assert ask(money, 2, 1) is Verdict.UNASKED
    assert money.ask_for() == (money.sums(), 2 * DOLLAR, 2 * DOLLAR + DOLLAR // 10)
    money.adopt(lease(hands, money, 3), money.sums())
    assert held(money, 2).picos == 2 * DOLLAR


def test_a_lease_is_not_overdrawn(hands: Hands) -> None:
    money = shared(hands)
    money.adopt(lease(hands, money, 3), money.sums())
    held(money, 2)
    assert ask(money, 2, 1) is Verdict.HELD
    assert money.ask_for()[1:] == (2 * DOLLAR, 2 * DOLLAR)


def test_what_others_spent_counts(hands: Hands) -> None:
    money = shared(hands)
    money.adopt(lease(hands, money, 1, spent_all=9, reserved_all=1), money.sums())
    assert (sums(money), ask(money, 3, 2)) == ((9, 1), Verdict.SHORT)


def test_a_call_goes_alone_with_what_it_is_granted_once_more_was_refused(hands: Hands) -> None:
    money = shared(hands)
    money.adopt(lease(hands, money, 2, spent_all=7), money.sums())
    assert ask(money, 3, 1) is Verdict.HELD
    money.adopt(lease(hands, money, 2, spent_all=7, refused=3), money.sums())
    assert held(money, 3, 1).picos == 2 * DOLLAR


def test_what_was_refused_stays_refused_until_as_much_is_granted(hands: Hands) -> None:
    money = shared(hands)
    money.adopt(lease(hands, money, 0, spent_all=7, refused=3), money.sums())
    money.adopt(lease(hands, money, 1, spent_all=7), money.sums())  # what its prompt needs
    assert held(money, 3, 1).picos == 1 * DOLLAR
    money.adopt(lease(hands, money, 8, spent_all=2), money.sums())
    assert held(money, 3, 1).picos == 3 * DOLLAR


def test_a_period_that_is_over_is_told_before_the_next_one(hands: Hands) -> None:
    money = shared(hands)
    money.adopt(lease(hands, money, 3), money.sums())
    pay(money, held(money, 2), 1)
    over = money.sums()
    hands.now += timedelta(days=1)
    assert money.ask_for() == (over, 0, 0)
    told = replace(lease(hands, money, 1, spent_told=1, spent_all=1), starts_s=-1.0)  # the sidecar's period is the next
    money.adopt(told, over)
    assert (money.ask_for()[0], sums(money)) == (money.sums(), (0, 0))


def test_an_expired_lease_is_no_lease(hands: Hands) -> None:
    money = shared(hands)
    money.adopt(lease(hands, money, 3), money.sums())
    hands.at += 10
    assert ask(money, 2) is Verdict.UNASKED


def test_a_wall_clock_that_is_set_ends_no_lease_of_the_day(hands: Hands) -> None:
    money = shared(hands)
    money.adopt(lease(hands, money, 3), money.sums())
    hands.now += timedelta(hours=3)
    assert held(money, 2).picos == 2 * DOLLAR


def test_while_the_sidecar_is_away_the_users_policy_holds(hands: Hands) -> None:
    allowing, stopping = shared(hands), shared(hands, away="stop")
    for money in (allowing, stopping):
        money.adopt(lease(hands, money, 3, spent_all=7), money.sums())
        money.lost()
        assert held(money, 2).picos == 2 * DOLLAR  # the lease still holds
        hands.at += 10
    assert ask(stopping, 1) is Verdict.AWAY
    assert (held(allowing, 1).picos, ask(allowing, 1)) == (1 * DOLLAR, Verdict.HELD)


@pytest.mark.parametrize(("away", "goes"), [("allow", True), ("stop", False)])
def test_no_lease_of_a_sidecar_that_is_away_keeps_a_call_waiting_that_may_go_on(
    hands: Hands, away: str, *, goes: bool
) -> None:
    money = shared(hands, away=away)
    money.adopt(lease(hands, money, 2), money.sums())
    assert ask(money, 5) is Verdict.HELD
    money.lost()
    assert isinstance(ask(money, 5), Hold) is goes


def test_nobody_waits_long_for_a_sidecar_that_says_nothing(hands: Hands) -> None:
    money = shared(hands)
    assert held(money, 2, waited_s=LEASE_WAIT_S).picos == 2 * DOLLAR


def test_a_forked_process_knows_what_was_spent_before(hands: Hands) -> None:
    money = account(hands)
    begun = held(money, 1)
    money.charge(6 * DOLLAR, request=None)
    money._begin_in_child()
    assert (sums(money), money.sums().spent) == ((6, 0), 0)
    pay(money, begun, 1)  # the parent's own call, ended in the child by its collector
    assert sums(money) == (6, 0)


def test_another_definition_keeps_what_was_spent(hands: Hands) -> None:
    money = account(hands)
    money.charge(6 * DOLLAR, request=None)
    money.define(BudgetDefinition.of("b", {"limit_usd": "20", "action": "warn"}))
    assert (sums(money), money.refusal(Verdict.SPENT, request=None).limit_usd) == ((6, 0), Decimal(20))

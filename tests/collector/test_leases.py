"""Leases: holders together never get more than the limit, and what nobody uses comes back."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Final

import clickhouse_connect
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget import CODE, Budget, BudgetTime
from spanmeter_collector.lease import Ask
from spanmeter_collector.leases import Clock, Leases, Sums
from spanmeter_collector.store import Store

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZERO: Final = Decimal(0)


@dataclass
class Hands:
    """A wall clock and one that nobody sets, both moved by the test."""

    now: datetime = NOON
    at: float = 1000.0

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.at += seconds

    def clock(self) -> Clock:
        return Clock(now=lambda: self.now, elapsed=lambda: self.at)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def leases(store: Store, hands: Hands) -> Leases:
    return Leases(store, clock=hands.clock())


def budget_time(limit: str = "10", name: str = "b", now: datetime = NOON) -> BudgetTime:
    return BudgetTime.at(Budget(BudgetDefinition.of(name, {"limit_usd": limit}), NOON - timedelta(days=9), CODE), now)


TIME: Final = budget_time()


def ask(holder: str, sequence: int = 0, **usd: str) -> Ask:
    told = {f"{name}_usd": text for name, text in usd.items()}
    return Ask.of({"holder": holder, "sequence": sequence, **told}, now=NOON)


def granted(leases: Leases, asked: Ask, ledger: str = "0", time: BudgetTime = TIME) -> Decimal:
    return leases.lease(time, asked, Decimal(ledger)).granted


def test_what_is_needed_is_granted_whole_and_half_of_the_rest_besides(leases: Leases) -> None:
    lease = leases.lease(TIME, ask("a", spent="1", reserved="2", need="3", want="9"), ZERO)
    assert (lease.granted, lease.held, lease.waits) == (Decimal(8), Decimal(8), False)


def test_while_somebody_waits_nobody_gets_more_than_it_needs(leases: Leases, hands: Hands) -> None:
    granted(leases, ask("a", want="5"))
    waiting = leases.lease(TIME, ask("b", need="6"), ZERO)
    assert (waiting.granted, waiting.waits) == (ZERO, True)
    assert granted(leases, ask("c", need="1", want="5")) == 1
    hands.pass_by(2.5)
    assert granted(leases, ask("c", spent="1", want="5", holds="1")) == Decimal("1.666666666666")


def test_an_idle_holder_gives_its_headroom_back_when_it_tells_again(leases: Leases) -> None:
    granted(leases, ask("a", want="5"))
    granted(leases, ask("b", need="6"))
    given_back = leases.lease(TIME, ask("a", want="5", holds="5"), ZERO)
    assert (given_back.granted, given_back.held) == (ZERO, Decimal(5))
    assert granted(leases, ask("b", need="6")) == ZERO
    assert leases.lease(TIME, ask("a", holds="0"), ZERO).held == ZERO
    assert granted(leases, ask("b", need="6")) == 6


def test_an_answer_that_gets_lost_frees_nothing(leases: Leases) -> None:
    granted(leases, ask("a", want="5"))
    granted(leases, ask("a", holds="5"))
    assert granted(leases, ask("b", need="6")) == ZERO


def test_a_holder_that_is_not_heard_of_gives_back_what_it_did_not_spend(leases: Leases, hands: Hands) -> None:
    granted(leases, ask("a", spent="1", reserved="2", want="4"))
    hands.pass_by(9.9)
    assert granted(leases, ask("b", need="9")) == ZERO
    hands.pass_by(0.2)
    assert granted(leases, ask("b", need="9")) == 9
    assert granted(leases, ask("c", need="0.01")) == ZERO


def test_who_ends_gives_back_at_once(leases: Leases) -> None:
    granted(leases, ask("a", spent="1", want="4"))
    leases.lease(TIME, replace(ask("a", spent="1"), release=True), ZERO)
    assert granted(leases, ask("b", need="9")) == 9


@pytest.mark.parametrize("jump_s", [-7200, 7200])
def test_a_clock_that_is_set_ends_no_lease_and_prolongs_none(leases: Leases, hands: Hands, jump_s: int) -> None:
    granted(leases, ask("a", want="5"))
    hands.now += timedelta(seconds=jump_s)
    assert granted(leases, ask("b", need="6")) == ZERO
    hands.at += 10.1
    assert granted(leases, ask("b", need="6")) == 6


def test_what_the_ledger_knows_beyond_the_reports_is_spent(leases: Leases) -> None:
    granted(leases, ask("a", spent="2"))
    assert granted(leases, ask("b", need="3"), ledger="7.5") == ZERO
    assert granted(leases, ask("b", need="2.5"), ledger="7.5") == Decimal("2.5")


def test_an_older_ask_that_comes_late_changes_nothing(leases: Leases) -> None:
    latest = leases.lease(TIME, ask("a", 2, spent="3", want="2"), ZERO)
    assert leases.lease(TIME, ask("a", 1, spent="1"), ZERO) == latest


def test_leases_outlive_the_sidecar(leases: Leases, store: Store, hands: Hands) -> None:
    granted(leases, ask("a", spent="1", reserved="1", want="3"))
    again = Leases(store, clock=hands.clock())
    assert again.sums(TIME) == Sums(Decimal(1), Decimal(1), Decimal(4), 1, is_waited_for=False, stopped=0, downgraded=0)
    assert granted(again, ask("b", need="6")) == ZERO
    hands.pass_by(10.1)
    assert granted(again, ask("b", need="6")) == 6
    hands.pass_by(3700)
    later = Leases(store, clock=hands.clock())
    assert later.sums(TIME) == Sums(Decimal(1), ZERO, ZERO, 0, is_waited_for=False, stopped=0, downgraded=0)


def test_a_holder_that_comes_back_is_counted_once(leases: Leases, store: Store, hands: Hands) -> None:
    for holder in ("a", "b"):
        granted(leases, ask(holder, spent="2"))
    hands.pass_by(3700)
    later = Leases(store, clock=hands.clock())
    assert later.sums(TIME).spent == 4
    granted(later, ask("a", spent="3"))
    assert later.sums(TIME).spent == 5


def test_each_period_has_sums_of_its_own_and_a_late_report_is_kept(leases: Leases) -> None:
    tomorrow = budget_time(now=NOON + timedelta(days=1))
    granted(leases, ask("a", spent="4"))
    assert granted(leases, ask("b", need="10"), time=tomorrow) == 10
    leases.report(TIME, ask("a", spent="5", reserved="1", want="3"))
    assert leases.sums(TIME) == Sums(
        Decimal(5), Decimal(1), Decimal(1), 1, is_waited_for=False, stopped=0, downgraded=0
    )


def test_another_limit_holds_from_the_next_ask_on(leases: Leases, hands: Hands) -> None:
    granted(leases, ask("a", spent="4", want="3"))
    lower = budget_time("5")
    assert granted(leases, ask("b", need="0.5"), time=lower) == ZERO
    hands.pass_by(2.5)
    assert granted(leases, ask("a", spent="4", want="3", holds="7"), time=lower) == Decimal("4.25")


STEPS: Final = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["spend", "spend", "renew", "renew", "lost", "die", "wait", "clock"]),
        st.decimals(0, 4, places=3),
        st.decimals(0, 3, places=3),
    ),
    max_size=30,
)


@dataclass
class Holder:
    """A process as it behaves: it uses no more than the last answer that it got allows, while that holds."""

    name: str
    spent: Decimal = ZERO
    told: Decimal = ZERO
    bound: Decimal = ZERO
    until: float = 0.0
    sequence: int = 0

    def spend(self, usd: Decimal, at: float) -> None:
        if at < self.until:
            self.spent += min(usd, max(self.bound - self.spent, ZERO))

    def ask(self, need: Decimal, want: Decimal) -> Ask:
        self.sequence += 1
        self.told, holds = self.spent, self.bound
        self.bound = min(self.bound, self.spent + want)
        return Ask(holder=self.name, sequence=self.sequence, spent=self.spent, need=need, want=want, holds=holds)


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_holders_spend_no_more_than_the_limit_and_what_killed_ones_never_told(
    store: Store, steps: list[tuple[int, str, Decimal, Decimal]]
) -> None:
    hands = Hands()
    leases = Leases(store, clock=hands.clock())
    time = replace(TIME, budget=replace(TIME.budget, created_at=datetime.now(UTC)))
    holders, killed = [Holder(f"h{number}") for number in range(4)], list[Holder]()
    for index, what, one, other in steps:
        holder = holders[index]
        if what == "spend":
            holder.spend(one, hands.at)
        elif what in ("renew", "lost"):
            answer = leases.lease(time, holder.ask(one, one + other), ZERO)
            if what == "renew":
                holder.bound, holder.until = answer.granted, hands.at + 10
        elif what == "die":
            killed.append(holder)
            holders[index] = Holder(f"{holder.name}+")
        elif what == "wait":
            hands.pass_by(float(one) * 4)
        else:
            hands.now += timedelta(hours=float(one) - 2)
        untold = sum((dead.spent - dead.told for dead in killed), ZERO)
        assert sum((each.spent for each in (*holders, *killed)), ZERO) <= 10 + untold


@pytest.fixture
def sidecars(server_url: str) -> Iterator[list[Leases]]:
    """Two sidecars' leases on one server."""
    stores = [Store.open(server_url) for _ in range(2)]
    yield [Leases(store) for store in stores]
    for store in stores:
        store.close()


def test_sidecars_that_share_a_server_grant_the_limit_once(sidecars: list[Leases]) -> None:
    one, other = sidecars
    assert granted(one, ask("a", need="6")) == 6
    assert granted(other, ask("b", need="6")) == ZERO
    assert granted(other, ask("b", need="4")) == 4
    assert one.sums(TIME) == other.sums(TIME)


def test_what_a_replica_that_lags_does_not_know_is_not_granted_again(sidecars: list[Leases], server_url: str) -> None:
    one, other = sidecars
    assert [granted(one, ask("a", 1, need="6")), granted(other, ask("b", 1, need="2"))] == [6, 2]
    before = one.sums(TIME)
    with clickhouse_connect.get_client(
        dsn=server_url.replace("clickhouse:", "http:", 1), autogenerate_session_id=False
    ) as client:
        client.command("TRUNCATE TABLE budget_leases")
    assert one.sums(TIME) == before
    assert [granted(leases, ask("c", 1, need="3")) for leases in sidecars] == [ZERO, ZERO]
    assert granted(one, ask("a", 2, spent="6", need="2", holds="6")) == 8


def test_sidecars_that_are_asked_at_the_same_time_grant_the_limit_once(sidecars: list[Leases]) -> None:
    together = Barrier(2)

    def ask_at_once(leases: Leases, attempt: int) -> Decimal:
        together.wait()
        return granted(leases, ask(f"h{id(leases)}", need="6"), time=budget_time(name=f"at-once-{attempt}"))

    with ThreadPoolExecutor(2) as pool:
        answers = [[*pool.map(ask_at_once, sidecars, [attempt] * 2)] for attempt in range(8)]
    assert [sum(pair) for pair in answers if sum(pair) > 10] == []


def test_sidecars_that_share_a_server_let_holders_spend_the_limit_and_no_more(sidecars: list[Leases]) -> None:
    time = budget_time(limit="12", name="to-the-last")

    def spend(holder: int) -> int:
        """Spend a dollar at a time, as long as the money lasts."""
        leases, spent, sequence = sidecars[holder % 2], 0, 0
        while True:
            sequence += 1
            asked = ask(f"h{holder}", sequence, spent=str(spent), need="1", holds=str(spent))
            if granted(leases, asked, time=time) >= spent + 1:
                spent += 1
            elif leases.sums(time).spent == time.budget.limit:
                return spent

    with ThreadPoolExecutor(4) as pool:
        spent = [*pool.map(spend, range(4))]
    assert sum(spent) == 12

"""Figures as people read them."""

from __future__ import annotations

import pytest

from spanmeter_collector.wording import counted, duration, nothing, period, priced_share

DAY = {"since": "2026-11-21T12:00:00.123456Z", "until": "2026-11-22T12:00:00Z"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0, "0 ms"),
        (0.00042, "0.42 ms"),
        (0.12, "120 ms"),
        (0.9999, "1.00 s"),
        (1.239, "1.24 s"),
        (59.999, "1 min 0 s"),
        (125.4, "2 min 5 s"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_one_is_singular() -> None:
    assert [counted(number, "call") for number in (0, 1, 1200)] == ["0 calls", "1 call", "1,200 calls"]


def test_a_period_is_shown_to_the_second() -> None:
    assert period(DAY) == "from 2026-11-21 12:00:00 to 2026-11-22 12:00:00 UTC"


@pytest.mark.parametrize(
    ("calls", "unpriced", "line"),
    [
        (0, 0, "Priced: no call was answered."),
        (1, 0, "Priced: 100 % of 1 call."),
        (4, 1, "Priced: 75.0 % of 4 calls; what the other 1 cost is unknown and not in the total."),
        (100_000, 1, "Priced: 99.9 % of 100,000 calls; what the other 1 cost is unknown and not in the total."),
    ],
)
def test_a_total_says_which_part_of_it_is_priced(calls: int, unpriced: int, line: str) -> None:
    total = {"calls": calls, "unpriced_calls": unpriced}
    assert priced_share(total, 1 - unpriced / calls if calls else 1.0) == line


@pytest.mark.parametrize(
    ("filtered", "advice"),
    [(False, "a longer period (--since 7d)"), (True, "a longer period (--since 7d) or fewer filters")],
)
def test_an_empty_answer_says_what_to_do(filtered: bool, advice: str) -> None:  # noqa: FBT001
    assert nothing("calls", DAY, filtered=filtered) == (
        "No calls from 2026-11-21 12:00:00 to 2026-11-22 12:00:00 UTC. "
        f"Ask for {advice}, or make some with: spanmeter demo --once"
    )

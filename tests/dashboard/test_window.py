from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from spanmeter_dashboard import window
from spanmeter_dashboard.window import Window


@pytest.mark.parametrize("seconds", [0, 0.3, 59.9])
def test_a_preset_is_one_window_all_minute_long(noon: datetime, seconds: float) -> None:
    shown = Window(noon - timedelta(hours=24), noon + timedelta(minutes=1))
    assert window.last("24h", now=noon + timedelta(seconds=seconds)) == shown


def test_the_window_before_touches_and_has_the_same_length(noon: datetime) -> None:
    shown = Window(noon, noon + timedelta(hours=2))
    assert shown.before() == Window(noon - timedelta(hours=2), noon)


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (timedelta(minutes=15), "minute"),
        (timedelta(hours=1), "2 min"),
        (timedelta(hours=5), "10 min"),
        (timedelta(hours=24), "hour"),
        (timedelta(days=3), "hour"),
        (timedelta(days=4), "day"),
        (timedelta(days=30), "day"),
    ],
)
def test_buckets_are_as_wide_as_a_readable_chart_needs(noon: datetime, length: timedelta, step: str) -> None:
    assert Window(noon - length, noon).default_step() == step


def test_buckets_lie_on_the_clock_and_cover_the_window(noon: datetime) -> None:
    shown = Window(noon - timedelta(minutes=90), noon + timedelta(minutes=1))
    hours = [noon + timedelta(hours=hour) for hour in (-2, -1, 0)]
    assert shown.buckets("hour") == tuple(Window(hour, hour + timedelta(hours=1)) for hour in hours)


@pytest.mark.parametrize(
    ("period", "expected"), [("15m", "the last 15 minutes"), ("1h", "the last hour"), ("7d", "the last 7 days")]
)
def test_a_period_reads_as_words(period: str, expected: str) -> None:
    assert window.words(period) == expected

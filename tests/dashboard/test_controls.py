from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from spanmeter_dashboard.controls import CUSTOM, Period, filter_line, trace_address
from spanmeter_dashboard.window import Window


@pytest.fixture
def fixed(noon: datetime) -> Period:
    return Period(CUSTOM, Window(noon - timedelta(days=2), noon))


def test_a_preset_moves_with_the_clock_and_a_custom_period_does_not(fixed: Period, noon: datetime) -> None:
    later = noon + timedelta(days=9)
    assert fixed.window(now=later) == fixed.fixed
    assert Period("1h").window(now=later).until == later + timedelta(minutes=1)


def test_periods_have_words(fixed: Period) -> None:
    assert (Period("7d").words, Period("7d").before_words) == ("the last 7 days", "the 7 days before")
    assert (fixed.words, fixed.before_words) == ("20 Nov 2026 12:00 to 22 Nov 2026 12:00 UTC", "the time before")


def test_the_address_of_a_trace_leads_back_to_the_period(fixed: Period) -> None:
    assert trace_address(Period("1h"))("ab") == "traces?trace=ab"
    assert trace_address(Period("24h"))("ab") == "traces?trace=ab&period=24h"
    assert trace_address(Period("1h"), (("order", "Slowest"), ("model", "a&b")))("ab") == (
        "traces?trace=ab&order=Slowest&model=a%26b"
    )
    assert trace_address(fixed)("ab") == (
        "traces?trace=ab&period=Custom&since=2026-11-20T12%3A00&until=2026-11-22T12%3A00"
    )


def test_filters_read_as_one_line_and_are_escaped() -> None:
    chosen = (("model", "a"), ("model", "<b>"), ("tenant", ""))
    chips = '<span class="sm-chip ">{}</span>'.format
    assert filter_line(chosen) == (
        f'<div class="sm-filters"><span>Model {chips("a")} or {chips("&lt;b&gt;")}</span>'
        f"<span>Tenant {chips('(no tenant)')}</span></div>"
    )

"""Times and lengths as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.times import Period, read_length, read_period, read_time, write_nanoseconds, write_time

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("90s", datetime(2026, 11, 22, 11, 58, 30, tzinfo=UTC)),
        ("15m", datetime(2026, 11, 22, 11, 45, tzinfo=UTC)),
        ("24h", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 15, 12, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 8, 12, tzinfo=UTC)),
        ("0s", NOW),
        ("2026-11-22T13:00:00Z", datetime(2026, 11, 22, 13, tzinfo=UTC)),
        ("2026-11-22t13:00:00z", datetime(2026, 11, 22, 13, tzinfo=UTC)),
        ("2026-11-22T13:00:00.25+02:00", datetime(2026, 11, 22, 11, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-22T13:00:00.123456789Z", datetime(2026, 11, 22, 13, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_a_length_or_rfc_3339_is_a_time(text: str, time: datetime) -> None:
    assert read_time(text, name="since", now=NOW) == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h",
        "1",
        "-1h",
        "1.5h",
        "1 h",
        "24H",
        "999999999w",
        "2026-11-22",
        "2026-11-22T13:00:00",
        "2026-13-01T00:00:00Z",
    ],
)
def test_anything_else_is_refused_by_name_and_value(text: str) -> None:
    with pytest.raises(QuestionError) as refusal:
        read_time(text, name="since", now=NOW)
    assert str(refusal.value) == (
        f"since={text!r} is no time; "
        "allowed: RFC 3339 such as 2026-11-22T13:00:00Z, or a length before now such as 15m, 24h or 7d"
    )


@pytest.mark.parametrize("text", ["60w", "3000w", "1969-12-31T23:59:59Z", "2200-01-01T00:00:01Z"])
def test_only_the_years_1970_to_2200_are_in_range(text: str) -> None:
    now = datetime(1971, 1, 1, tzinfo=UTC)
    with pytest.raises(QuestionError, match=r" lies outside the years 1970 to 2200$"):
        read_time(text, name="since", now=now)


def test_a_period_ends_now_unless_told_otherwise() -> None:
    assert read_period(since="1h", until="", now=NOW) == Period(since=NOW - timedelta(hours=1), until=NOW)
    assert read_period(since="2h", until="1h", now=NOW).until == NOW - timedelta(hours=1)


@pytest.mark.parametrize(("since", "until"), [("0s", ""), ("1h", "1h"), ("1h", "2h")])
def test_an_empty_period_is_refused(since: str, until: str) -> None:
    with pytest.raises(QuestionError, match=r"^since=.* is not before until=.*; give an earlier since$"):
        read_period(since=since, until=until, now=NOW)


def test_a_period_is_exact_to_the_microsecond() -> None:
    until = datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=UTC)
    assert Period(since=NOW, until=until).since_us == 1_795_348_800_000_000
    assert Period(since=NOW, until=until).until_us == 1_795_348_800_000_001


@pytest.mark.parametrize("text", ["", "x", "12", "1y", "²h"])
def test_a_length_needs_a_number_and_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match=r" is no length of time; allowed: a whole number and s, m, h, d or w$"):
        read_length(text)


def test_times_are_written_in_utc_with_z() -> None:
    assert write_time(datetime.fromisoformat("2026-11-22T14:00:00+02:00")) == "2026-11-22T12:00:00Z"
    assert write_nanoseconds(1_795_348_800_123_456_789) == "2026-11-22T12:00:00.123456Z"

"""Content is captured only where the operator's variable says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spanmeter.capture import LIMIT_VARIABLE, VARIABLE, captures_content, content_limit, may_show_content

ALLOWED = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT, true or false"


@pytest.fixture(autouse=True)
def _unread() -> Iterator[None]:
    """Nothing is known of the environment."""
    captures_content.cache_clear()
    content_limit.cache_clear()
    yield
    captures_content.cache_clear()
    content_limit.cache_clear()


@pytest.mark.parametrize("value", ["SPAN_ONLY", "EVENT_ONLY", "span_and_event", " true "])
def test_content_may_be_shown_for_any_value_that_captures(value: str) -> None:
    assert may_show_content({VARIABLE: value}) is True


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}, {VARIABLE: "NO_CONTENT"}, {VARIABLE: "False"}])
def test_content_is_off_by_default(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert may_show_content(environment) is False
    assert caplog.messages == []


def test_a_value_that_means_nothing_is_off_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        assert may_show_content({VARIABLE: "yes please"}) is False
    assert caplog.messages == [f"{VARIABLE} is 'yes please'; it must be {ALLOWED}. No content is captured"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("true", True),
        ("SPAN_ONLY", True),
        ("Span_And_Event", True),
        ("EVENT_ONLY", False),
        ("NO_CONTENT", False),
        ("false", False),
        ("1", False),
        ("", False),
    ],
)
def test_spans_quote_only_where_the_variable_says_spans(
    value: str, monkeypatch: pytest.MonkeyPatch, *, expected: bool
) -> None:
    monkeypatch.setenv(VARIABLE, value)

    assert captures_content() is expected


@pytest.mark.parametrize(
    ("value", "captured", "instead"),
    [
        ("EVENT_ONLY", False, "no content is captured. SPAN_ONLY writes it"),
        ("SPAN_AND_EVENT", True, "content is written"),
    ],
)
def test_who_wants_events_is_told_once_that_there_are_none(
    value: str, instead: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, captured: bool
) -> None:
    monkeypatch.setenv(VARIABLE, value)

    assert [captures_content(), captures_content()] == [captured, captured]
    assert caplog.messages == [f"{VARIABLE} is {value!r}, and no events are emitted: {instead} on spans"]


@pytest.mark.parametrize(
    ("value", "expected", "complaints"),
    [
        ("", 65_536, 0),
        (" 1000 ", 1000, 0),
        ("256", 256, 0),
        ("255", 65_536, 1),
        ("1000001", 65_536, 1),
        ("64k", 65_536, 1),
    ],
)
def test_the_limit_is_a_number_in_its_bounds_or_the_usual_one(
    value: str, expected: int, complaints: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, value)

    assert content_limit() == content_limit() == expected

    said = f"{LIMIT_VARIABLE} is {value!r}; it must be a whole number from 256 to 1000000. 65536 holds"
    assert caplog.messages == [said] * complaints

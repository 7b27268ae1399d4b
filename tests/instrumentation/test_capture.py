"""Content is captured only where the operator's variable says so."""

from __future__ import annotations

import pytest

from spanmeter.capture import VARIABLE, may_show_content


@pytest.mark.parametrize("value", ["SPAN_ONLY", "EVENT_ONLY", "span_and_event", " true "])
def test_content_may_be_shown_for_any_value_that_captures(value: str) -> None:
    assert may_show_content({VARIABLE: value}) is True


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}, {VARIABLE: "NO_CONTENT"}, {VARIABLE: "False"}])
def test_content_is_off_by_default(environment: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert may_show_content(environment) is False
    assert caplog.messages == []


def test_a_value_that_means_nothing_is_off_and_said(caplog: pytest.LogCaptureFixture) -> None:
    assert may_show_content({VARIABLE: "yes please"}) is False
    allowed = "NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT, true or false"
    assert caplog.messages == [f"{VARIABLE} is 'yes please'; it must be {allowed}. No content is captured"]

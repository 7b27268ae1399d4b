from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from html import unescape

import pytest

from spanmeter_dashboard.answers import Charge, Event, Step, Sums, Trace
from spanmeter_dashboard.waterfall import waterfall

StepMaker = Callable[..., Step]
PAID = Sums(calls=1, input_tokens=1200, output_tokens=300, cost_usd=Decimal("0.00033"))


@pytest.fixture
def drawn(noon: datetime) -> Callable[..., str]:
    def draw(*steps: Step, duration_s: float = 1.0) -> str:
        return waterfall(Trace("ab" * 16, "answer", noon, duration_s, Sums(), 1.0, False, steps))

    return draw


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def summaries(html: str) -> list[str]:
    return [words(line) for line in re.findall(r"<summary>(.*?)</summary>", html)]


def test_each_line_tells_duration_tokens_and_cost(step: StepMaker, drawn: Callable[..., str]) -> None:
    call = step("chat", "root", operation="chat", model="gpt-4.1", duration_s=0.5, sums=PAID)
    assert summaries(drawn(step("root", framework="langchain"), call)) == [
        "root langchain 1.00 s Σ 1.2k → 300 Σ $0.000330",
        "chat gpt-4.1 500 ms 1.2k → 300 $0.000330",
    ]


def test_bars_stand_where_the_step_ran(step: StepMaker, drawn: Callable[..., str]) -> None:
    html = drawn(step("root"), step("late", "root", offset_s=0.25, duration_s=0.5))
    assert re.findall(r'sm-bar ok" style="left:([\d.]+)%;width:([\d.]+)%', html) == [
        ("0.00", "100.00"),
        ("25.00", "50.00"),
    ]


def test_the_axis_covers_steps_that_end_after_the_root(step: StepMaker, drawn: Callable[..., str]) -> None:
    html = drawn(step("root"), step("after", "root", offset_s=1.0, duration_s=3.0))
    assert words(html.split("</div>", maxsplit=1)[0]) == ("Step 0 1.00 s 2.00 s 3.00 s 4.00 s Tokens in → out Cost")


@pytest.mark.parametrize(
    ("known", "mark"),
    [
        pytest.param({"status": "error", "error_type": "RateLimitError"}, "RateLimitError", id="error"),
        pytest.param({"status": "error"}, "error", id="error without a type"),
        pytest.param({"status": "cancelled"}, "cancelled", id="cancelled"),
        pytest.param({"sums": Sums(cache_hits=1)}, "cache hit", id="cache hit"),
        pytest.param({"attributes": {"spanmeter.cache.result": "hit"}}, "cache hit", id="hit of a cache of ours"),
        pytest.param({"wrapper": True}, "counted below", id="wrapper"),
        pytest.param({"grade": "estimated"}, "estimated", id="estimated"),
        pytest.param({"grade": "unpriced"}, "unpriced", id="unpriced"),
    ],
)
def test_what_is_special_about_a_step_is_marked(
    step: StepMaker, drawn: Callable[..., str], known: dict[str, object], mark: str
) -> None:
    html = drawn(step("a", **known))
    assert re.findall(r'<span class="sm-chip [a-z-]*">([^<]*)</span>', html) == [mark]


def test_an_unpriced_call_has_no_amount(step: StepMaker, drawn: Callable[..., str]) -> None:
    sums = Sums(calls=1, unpriced_calls=1, cost_usd=None)
    assert summaries(drawn(step("chat", operation="chat", sums=sums))) == ["chat 1.00 s unpriced"]


def test_a_step_opens_to_its_charges(step: StepMaker, drawn: Callable[..., str]) -> None:
    charges = (
        Charge("call", 1, "call", None, Decimal(0), "computed", "v1"),
        Charge("cache_read", 1000, "token", Decimal("0.000000075"), Decimal("0.000075"), "computed", "v1"),
        Charge("output", 300, "token", None, None, "unpriced", ""),
    )
    html = drawn(step("chat", charges=charges))
    rows = [words(row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    assert rows == [
        "Charge Quantity Price Amount",
        "cache read computed 1,000 $0.075 / 1M tokens $0.000075",
        "output unpriced 300 no price \N{EN DASH}",
    ]


def test_attributes_and_events_are_shown_and_escaped(step: StepMaker, drawn: Callable[..., str]) -> None:
    event = Event("exception", "2026-11-22T12:00:00Z", {"exception.message": "<b>slow down</b>"})
    html = drawn(step("a", attributes={"user.id": "<script>", "n": [1, 2]}, events=(event,)))
    assert re.findall(r"<dt>([a-z.]+)</dt><dd>([^/]*?)</dd>", html)[:2] == [
        ("user.id", "&lt;script&gt;"),
        ("n", "[1, 2]"),
    ]
    assert "<dt>exception.message</dt><dd>&lt;b&gt;slow down&lt;/b&gt;</dd>" in html


def test_a_trace_without_length_still_draws(step: StepMaker, drawn: Callable[..., str]) -> None:
    assert summaries(drawn(step("a", duration_s=0.0), duration_s=0.0)) == ["a 0 ms"]

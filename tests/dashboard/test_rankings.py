from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from html import unescape

import pytest

from spanmeter_dashboard import figures, rankings
from spanmeter_dashboard.answers import CostRow, Latency, Sums, TraceSummary, Unpriced


def lines(html: str) -> list[str]:
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in re.findall(r"<tr>(.*?)</tr>", html)]


@pytest.fixture
def trace(noon: datetime) -> TraceSummary:
    sums = Sums(calls=2, input_tokens=1500, cost_usd=Decimal("0.0123"))
    return TraceSummary(
        trace_id="ab" * 16,
        name="<answer>",
        service="shop-rag",
        start=noon,
        duration_s=1.5,
        spans=5,
        errors=1,
        sums=sums,
        frameworks=("langchain", "llama_index"),
        models=("gpt-4.1",),
        user="ada",
        tenant="acme",
    )


def test_spenders_have_share_calls_tokens_and_spend() -> None:
    half = Sums(calls=1200, input_tokens=5000, cost_usd=Decimal("1.5"))
    html = rankings.spenders(
        [CostRow(("ada",), half), CostRow(("",), Sums(cost_usd=None))],
        Sums(cost_usd=Decimal(3)),
        dimension="user",
        colours={"ada": "#111111"},
    )
    assert lines(html) == [
        "User Share Calls Tokens Spend",
        "ada 1,200 5.0k $1.50",
        "(no user) 0 0 unpriced",
    ]
    assert re.findall(r"width:([\d.]+)%;background:(#\w+)", html) == [("50.00", "#111111"), ("0.00", "#8b93a1")]


def test_the_models_that_failed_most_are_named_with_where_to_look() -> None:
    failed = {"a": 0, "b<1>": 1200, "c": 3, "d": 2, "e": 1, "f": 5}
    rows = [CostRow((model,), Sums(calls=1, failed_calls=count)) for model, count in failed.items()]
    html = rankings.failing(rows, address="traces?errors=true&period=7d")
    assert " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split()) == (
        "Failed attempts: b<1> 1,200 , f 5 , c 3 , d 2 and others · traces with errors"
    )
    assert 'href="traces?errors=true&amp;period=7d"' in html
    assert rankings.failing(rows[:1], address="traces") == ""


def test_unpriced_models_have_their_tokens() -> None:
    models = [Unpriced("vllm", "qwen <3>", 1200, 5000, 20), Unpriced("", "", 1, 0, 0)]
    assert lines(rankings.unpriced(models)) == [
        "Model Provider Calls Input tokens Output tokens",
        "qwen <3> vllm 1,200 5.0k 20",
        f"{figures.UNKNOWN} {figures.UNKNOWN} 1 0 0",
    ]


def test_speeds_leave_a_dash_where_nothing_was_measured() -> None:
    fast = Latency(("gpt-4.1",), 10, 1, 0.8, 2.5, 3.0, 0.3, 87.4)
    quiet = Latency(("embed",), 3, 0, 0.05, 0.06, 0.07, None, None)
    assert lines(rankings.speeds([fast, quiet], colours={})) == [
        "Model Calls First chunk p50 Output p50 p95",
        "gpt-4.1 10 300 ms 87 tok/s 800 ms 2.50 s",
        "embed 3 \N{EN DASH} \N{EN DASH} 50 ms 60 ms",
    ]


def test_traces_link_to_their_page_and_show_the_readers_time(trace: TraceSummary) -> None:
    html = rankings.traces([trace], address=lambda id_: f"traces?trace={id_}", zone=timezone(timedelta(hours=2)))
    assert lines(html) == [
        "Trace Started User Steps Calls Tokens Duration Cost",
        "<answer> 1 error langchain, llama_index gpt-4.1 22 Nov, 14:00:00 ada · acme 5 2 1.5k 1.50 s $0.0123",
    ]
    assert f'<a href="traces?trace={"ab" * 16}">&lt;answer&gt;</a>' in html


def test_a_compact_list_leaves_out_user_and_steps(trace: TraceSummary) -> None:
    html = rankings.traces([trace], address=str, zone=UTC, compact=True)
    assert lines(html)[0] == "Trace Started Calls Tokens Duration Cost"


@pytest.mark.parametrize(
    ("sums", "html"),
    [
        pytest.param(Sums(calls=1, cost_usd=Decimal(2)), "$2.00", id="priced"),
        pytest.param(
            Sums(calls=4, unpriced_calls=1, cost_usd=Decimal(2)),
            '<span title="75% of the calls are priced">$2.00+</span>',
            id="partly priced",
        ),
        pytest.param(
            Sums(calls=1, unpriced_calls=1, cost_usd=None), '<span class="sm-chip warn">unpriced</span>', id="unpriced"
        ),
    ],
)
def test_an_amount_says_when_it_is_not_all(sums: Sums, html: str) -> None:
    assert rankings.spend(sums) == html

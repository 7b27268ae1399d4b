from __future__ import annotations

import re
from decimal import Decimal
from html import unescape

import pytest

from spanmeter_dashboard import notices
from spanmeter_dashboard.answers import Losses

SEND_SOME = (
    "Choose a longer period, or send some calls. This instruments a LangChain, LangGraph or LlamaIndex application: "
    'import spanmeter spanmeter.instrument( service_name="my-app", endpoint="http://127.0.0.1:4318", ) '
    "No application at hand? spanmeter demo runs one."
)


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        pytest.param(
            notices.unreachable("http://127.0.0.1:4318"),
            "The sidecar does not answer Nothing answers at http://127.0.0.1:4318 . Start the sidecar, and this page "
            "fills by itself: spanmeter collector Applications keep their spans on disk until it is back. If it "
            "listens somewhere else, give the dashboard that address: spanmeter dashboard --url http://HOST:PORT",
            id="unreachable",
        ),
        pytest.param(
            notices.no_calls("the last 24 hours", "http://127.0.0.1:4318", filtered=False),
            f"No calls in the last 24 hours {SEND_SOME}",
            id="no calls",
        ),
        pytest.param(
            notices.no_calls("the last hour", "http://s", filtered=True),
            "No calls in the last hour No call matches the filters. Remove a filter or choose a longer period.",
            id="no calls that match",
        ),
        pytest.param(
            notices.no_traces("the last hour", "http://127.0.0.1:4318", narrowed=False),
            f"No traces in the last hour {SEND_SOME}",
            id="no traces",
        ),
        pytest.param(
            notices.no_traces("the last hour", "http://s", narrowed=True),
            "No traces in the last hour No trace matches what was chosen. Remove a filter or choose a longer period.",
            id="no traces that match",
        ),
        pytest.param(
            notices.unwell({"disk": "12 MB are <free>", "prices": "prices.toml has changed"}),
            "The sidecar's disk : 12 MB are <free> The sidecar's prices : prices.toml has changed",
            id="parts of the sidecar",
        ),
        pytest.param(
            notices.lost(Losses(1234, 5, Decimal("1.5"), ("shop", "bank", "mail", "blog"))),
            "1,234 calls worth $1.50 of shop , bank , mail and others, told by the applications, never arrived: "
            "they are in no figure here. spanmeter losses says which process misses them and why.",
            id="lost calls",
        ),
        pytest.param(
            notices.lost(Losses(0, 1, Decimal(0), ())),
            "1 failed call , told by the applications, never arrived: they are in no figure here. spanmeter "
            "losses says which process misses them and why.",
            id="a lost attempt",
        ),
    ],
)
def test_what_is_missing_comes_with_what_to_do(html: str, expected: str) -> None:
    assert words(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        notices.no_such_trace("<b>"),
        notices.unknown_dimension("<b>"),
        notices.refused("<b>"),
        notices.bad_start("<b>"),
        notices.unreachable("http://<b>"),
        notices.lost(Losses(1, 0, Decimal(0), ("<b>",))),
    ],
)
def test_data_in_a_notice_is_escaped(html: str) -> None:
    assert html.count("&lt;b&gt;") == 1


def test_no_line_of_an_example_is_wider_than_a_phone() -> None:
    shown = (
        notices.no_budgets(),
        notices.no_caches("the last hour"),
        notices.no_calls("the last hour", "http://127.0.0.1:4318", filtered=False),
    )
    lines = [
        line for html in shown for code in re.findall("<pre>(.*?)</pre>", html, re.DOTALL) for line in code.split("\n")
    ]
    assert [line for line in lines if len(line) > 41] == []

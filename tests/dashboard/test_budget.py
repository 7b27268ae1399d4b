"""The page of budgets: values from the API, and the table over them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape
from typing import Any, Final

import pytest

from spanmeter_dashboard.budget import Budget, table

TOLD: Final[dict[str, Any]] = {
    "name": "acme <b>",
    "limit_usd": "10",
    "period": "day",
    "scope": {"tenant": "acme"},
    "action": "stop",
    "spent_usd": "8.5",
    "reserved_usd": "0.5",
    "usd_per_hour": "0.25",
    "share": 0.85,
    "unpriced_calls": 2,
    "stopped_calls": 3,
    "downgraded_calls": 0,
    "exhausts_at": "2026-11-23T18:00:00Z",
    "resets_at": "2026-11-24T00:00:00Z",
}
KNOWN: Final = Budget(
    name="acme <b>",
    limit_usd=Decimal(10),
    period="day",
    scope={"tenant": "acme"},
    action="stop",
    spent_usd=Decimal("8.5"),
    reserved_usd=Decimal("0.5"),
    usd_per_hour=Decimal("0.25"),
    share=0.85,
    unpriced_calls=2,
    stopped_calls=3,
    downgraded_calls=0,
    exhausts_at=datetime(2026, 11, 23, 18, tzinfo=UTC),
    resets_at=datetime(2026, 11, 24, tzinfo=UTC),
)
SINGLE: Final = dict.fromkeys(("spent_usd", "reserved_usd", "usd_per_hour", "share", "exhausts_at", "resets_at"))


def words(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def test_a_budget_is_read_from_the_answer() -> None:
    assert Budget.of(TOLD) == KNOWN
    single = Budget.of({**TOLD, **SINGLE, "unpriced_calls": None, "period": "request"})
    assert (single.spent_usd, single.share, single.unpriced_calls) == (None, None, 0)


@pytest.mark.parametrize(
    ("budget", "line"),
    [
        pytest.param(
            KNOWN,
            "acme <b> tenant acme stops calls 3 stopped 2 without a known price $8.50 85% $10.00 a day $0.5000 $0.2500 "
            "23 Nov 18:00 24 Nov 00:00",
            id="nearly spent",
        ),
        pytest.param(
            replace(KNOWN, scope={}, share=1.0, spent_usd=Decimal(10), stopped_calls=0, unpriced_calls=0),
            "acme <b> spent all calls stops calls $10.00 100% $10.00 a day $0.5000 $0.2500 \N{EN DASH} 24 Nov 00:00",
            id="spent",
        ),
        pytest.param(
            replace(KNOWN, exhausts_at=None, stopped_calls=0, unpriced_calls=0),
            "acme <b> tenant acme stops calls $8.50 85% $10.00 a day $0.5000 $0.2500 the reset 24 Nov 00:00",
            id="lasts until it resets",
        ),
        pytest.param(
            replace(KNOWN, exhausts_at=None, period="total", resets_at=None, stopped_calls=0, unpriced_calls=0),
            "acme <b> tenant acme stops calls $8.50 85% $10.00 in all $0.5000 $0.2500 \N{EN DASH} \N{EN DASH}",
            id="never resets",
        ),
        pytest.param(
            replace(KNOWN, action="warn", limit_usd=Decimal("0.005"), stopped_calls=0, unpriced_calls=0),
            "acme <b> tenant acme warns $8.50 85% $0.005 a day $0.5000 $0.2500 23 Nov 18:00 24 Nov 00:00",
            id="warns at a small limit",
        ),
        pytest.param(
            Budget.of({**TOLD, **SINGLE, "stopped_calls": 0, "unpriced_calls": None, "period": "request"}),
            "acme <b> tenant acme stops calls ? ? $10.00 a request ? ? ? ?".replace("?", "\N{EN DASH}"),
            id="single requests",
        ),
    ],
)
def test_a_line_says_what_is_spent_and_how_long_it_lasts(budget: Budget, line: str) -> None:
    head = "Budget Spent Limit Reserved Per hour Lasts until Resets"
    assert words(table([budget], zone=UTC)) == f"{head} {line}"


def test_the_most_spent_comes_first_and_nothing_in_a_name_is_markup() -> None:
    html = table([replace(KNOWN, name="a", share=0.1), KNOWN], zone=UTC)
    assert html.index("acme &lt;b&gt;") < html.index("<span>a</span>")

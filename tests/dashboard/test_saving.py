"""The page of savings: values from the API, and the table over them."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from html import unescape
from typing import Any, Final

from spanmeter_dashboard.saving import Proposal, Savings, rest, table

TOLD: Final[dict[str, Any]] = {
    "proposals": [
        {
            "name": "answer_cache",
            "assumption": "One cache <b> for all.",
            "calls": 3,
            "unpriced_calls": 1,
            "input_tokens": 1000,
            "output_tokens": 200,
            "alone_usd": "0.5",
            "saved_usd": "0.25",
            "examples": [{"trace_id": "ab" * 16, "span_id": "cd" * 8, "usd": "0.1"}],
        },
        {
            "name": "swap",
            "assumption": "No model is named.",
            "calls": 1,
            "unpriced_calls": 1,
            "input_tokens": 1,
            "output_tokens": 1,
            "alone_usd": None,
            "saved_usd": None,
            "examples": [],
        },
    ],
    "calls": 10,
    "unpriced_calls": 1,
    "compared_calls": 9,
    "spend_usd": "1",
    "saved_usd": "0.25",
}
CACHE: Final = Proposal(
    "answer cache", "One cache <b> for all.", 3, 1, 1200, Decimal("0.5"), Decimal("0.25"), ("ab" * 16,)
)
SWAP: Final = Proposal("swap", "No model is named.", 1, 1, 2, None, None, ())
NOTHING: Final = replace(SWAP, calls=0, unpriced_calls=0, alone_usd=Decimal(0), saved_usd=Decimal(0))
KNOWN: Final = Savings((CACHE, SWAP), 10, 1, 9, Decimal(1), Decimal("0.25"))


def test_savings_are_read_from_the_answer() -> None:
    assert Savings.of(TOLD) == KNOWN
    assert KNOWN.saved_share == 0.25
    assert Savings((), 0, 0, 0, Decimal(0), Decimal(0)).saved_share == 0


def test_the_table_shows_each_proposal_with_its_assumption_and_calls() -> None:
    html = table(KNOWN, address=lambda trace: f"traces?trace={trace}", named=["swap"])
    words = " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())
    assert words == (
        "Proposal Share Calls Tokens Alone Saved "
        "Answer cache One cache <b> for all. 1 without a price Calls: abababab… 3 1.2k $0.5000 $0.2500 "
        "Another model No model is named. 1 without a price 1 2 \N{EN DASH} \N{EN DASH}"
    )
    assert f'href="traces?trace={"ab" * 16}"' in html


def test_a_proposal_that_nobody_named_says_where_to_name_it_and_is_muted() -> None:
    html = table(replace(KNOWN, proposals=(NOTHING,)), address=str)
    assert '<div class="sm-cell sm-muted"><b>Another model</b>' in html
    assert "Name a model and another one above." in html
    assert "No model is named." not in html


def test_what_is_about_no_call_is_told_in_a_sentence() -> None:
    batch, cache = replace(NOTHING, name="batch"), replace(NOTHING, name="answer cache")
    known = replace(KNOWN, proposals=(cache, batch, NOTHING), compared_calls=10)
    assert rest(known) == "No call to save by: answer cache."
    assert rest(known, named=["swap", "offline"]) == "No call to save by: answer cache, batch tier, another model."
    assert rest(replace(KNOWN, proposals=(CACHE,))) == (
        "1 of 10 calls carry no hash of what they asked and cannot be compared: their application writes none, or has "
        "SPANMETER_HASH_KEY=off."
    )
    assert "Answer cache" not in table(known, address=str)

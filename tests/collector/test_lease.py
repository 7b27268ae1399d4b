"""An ask says what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from spanmeter_collector.lease import Ask
from spanmeter_collector.question_error import QuestionError

NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
WRONG: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no holder": ({}, "holder is missing; expected a name that no other process has"),
    "an empty holder": ({"holder": ""}, "holder='' is not allowed; allowed: up to 200 characters"),
    "an unknown field": ({"holder": "h", "spent": "1"}, "there is no field 'spent'; allowed: holder, sequence, "),
    "a debt": ({"holder": "h", "spent_usd": "-1"}, "spent_usd='-1' is not allowed; allowed: US dollars from 0"),
    "no number": ({"holder": "h", "want_usd": "NaN"}, "want_usd='NaN' is not allowed"),
    "words": ({"holder": "h", "need_usd": "much"}, "need_usd='much' is not allowed"),
    "a list": ({"holder": "h", "need_usd": ["1"]}, "need_usd=\"['1']\" is not allowed"),
    "half a call": ({"holder": "h", "stopped_calls": Decimal("0.5")}, "stopped_calls='0.5' is not allowed; allowed"),
    "a sequence below nothing": ({"holder": "h", "sequence": -1}, "sequence='-1' is not allowed"),
    "a truth in words": ({"holder": "h", "release": "yes"}, "release='yes' is not allowed; allowed: true and false"),
    "a period in words": ({"holder": "h", "period": "today"}, "period='today' is no time; allowed: RFC 3339"),
}  # fmt: skip


def test_an_ask_is_read_whole() -> None:
    told = {
        "holder": "h",
        "sequence": 7,
        "period": "2026-11-23T00:00:00Z",
        "spent_usd": "1.5",
        "reserved_usd": Decimal("0.25"),
        "need_usd": 1,
        "want_usd": "3",
        "holds_usd": "2",
        "stopped_calls": 4,
        "downgraded_calls": 5,
        "release": True,
    }
    assert Ask.of(told, now=NOW) == Ask(
        holder="h",
        sequence=7,
        period=datetime(2026, 11, 23, tzinfo=UTC),
        spent=Decimal("1.5"),
        reserved=Decimal("0.25"),
        need=Decimal(1),
        want=Decimal(3),
        holds=Decimal(2),
        stopped=4,
        downgraded=5,
        release=True,
    )


def test_nulls_say_nothing() -> None:
    assert Ask.of({"holder": "h", "period": None, "holds_usd": None}, now=NOW) == Ask(holder="h")


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_what_is_allowed(case: tuple[dict[str, Any], str]) -> None:
    told, sentence = case
    with pytest.raises(QuestionError) as refused:
        Ask.of(told, now=NOW)
    assert str(refused.value).startswith(sentence)

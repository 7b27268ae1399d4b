"""How a bill's file may look."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from spanmeter_collector.reconcile.file import BillFileError, read_file
from spanmeter_collector.reconcile.line import Line


def page(start: int, *, has_more: bool = False, length: int = 86_400) -> dict[str, Any]:
    result = {"amount": {"value": 0.1, "currency": "usd"}, "line_item": "gpt-4o, input"}
    bucket = {"object": "bucket", "start_time": start, "end_time": start + length, "results": [result]}
    return {"object": "page", "data": [bucket], "has_more": has_more}


FIRST, SECOND = page(1788220800, has_more=True), page(1788307200)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([FIRST, SECOND]),
        f"{json.dumps(FIRST)}\n{json.dumps(SECOND)}\n",
        "\ufeff" + json.dumps(FIRST, indent=2) + json.dumps(SECOND),
    ],
    ids=["list", "lines", "one behind the other"],
)
def test_several_pages_may_be_in_one_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "bill").write_text(text, encoding="utf-8")
    told = read_file(tmp_path / "bill")
    days = [date(2026, 9, 1), date(2026, 9, 2)]
    assert (told.kind, told.provider, told.days, told.records, told.notes) == ("OpenAI costs", "openai", days, 2, [])
    assert told.lines == [Line(day, "gpt-4o", "input", None, Decimal("0.1")) for day in days]


def test_a_page_that_is_not_the_last_is_told(tmp_path: Path) -> None:
    (tmp_path / "bill").write_text(json.dumps(FIRST))
    assert read_file(tmp_path / "bill").notes == [
        "the page says has_more: fetch the next pages too, and give all of them"
    ]


def test_days_of_another_zone_are_told(tmp_path: Path) -> None:
    (tmp_path / "bill").write_text(json.dumps(page(1788220800 - 7200)))
    (note,) = read_file(tmp_path / "bill").notes
    assert note.startswith("its days do not start at midnight UTC")
    (tmp_path / "hours").write_text(json.dumps(page(1788220800 + 7200, length=3600)))
    assert read_file(tmp_path / "hours").notes == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_may_be_separated_otherwise(tmp_path: Path, delimiter: str) -> None:
    rows = [
        ("Start_Time", "amount_value", "amount_currency", "line_item"),
        ("1788220800", "0.1", "usd", '"gpt-4o, input"'),
        ("1788220800", "0.1", "usd", "storage", "more"),
    ]
    (tmp_path / "bill").write_text("\n".join(delimiter.join(row) for row in rows))
    told = read_file(tmp_path / "bill")
    assert told.lines == [Line(date(2026, 9, 1), "gpt-4o", "input", None, Decimal("0.1"))]
    assert [(unread.number, unread.reason) for unread in told.unread] == [
        (2, "it has more columns than the heading, or is no object")
    ]


def test_what_is_no_text_is_no_bill(tmp_path: Path) -> None:
    (tmp_path / "bill").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BillFileError, match="is no text in UTF-8; expected one of: OpenAI's costs"):
        read_file(tmp_path / "bill")

"""Tables for the terminal."""

from __future__ import annotations

from spanmeter_collector.table import Column, harmless, render


def test_text_stands_left_and_numbers_right_over_a_ruled_total() -> None:
    columns = [Column("model", ["gpt-4o-mini", "qwen", ""], right=False), Column("calls", ["1", "1,200", "1,201"])]
    assert render(columns, ruled=True).splitlines() == [
        "model        calls",
        "gpt-4o-mini      1",
        "qwen         1,200",
        "-----------  -----",
        "             1,201",
    ]


def test_wide_characters_keep_columns_aligned() -> None:
    columns = [Column("name", ["検索", "find"], right=False), Column("n", ["1", "2"])]
    assert render(columns).splitlines() == ["name  n", "検索  1", "find  2"]


def test_names_cannot_steer_the_terminal() -> None:
    assert (
        harmless("a\x1b[31mb\nc\u202ed")
        == "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d"
    )

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


NAMES = Column("model", ["a-model-with-a-long-name", "gpt-4o", ""], right=False)
TRACES = Column("trace", ["0" * 16, "1" * 16, ""], right=False, whole=True)
CALLS = Column("calls", ["1", "1,200", "1,201"])
INPUT = Column("input", ["10", "20", "30"], rank=1)
CACHED = Column("cached", ["3", "4", "7"], rank=2)


def test_what_fits_is_not_changed() -> None:
    assert render([NAMES, CALLS], width=31) == render([NAMES, CALLS], width=0)


def test_long_texts_are_cut_before_anything_is_left_out() -> None:
    assert render([NAMES, CALLS, INPUT], width=30, ruled=True).splitlines() == [
        "model             calls  input",
        "a-model-with-a-…      1     10",
        "gpt-4o            1,200     20",
        "----------------  -----  -----",
        "                  1,201     30",
    ]


def test_what_is_left_out_is_said() -> None:
    assert render([NAMES, CALLS, CACHED, INPUT], width=30).splitlines() == [
        "model             calls  input",
        "a-model-with-a-…      1     10",
        "gpt-4o            1,200     20",
        "                  1,201     30",
        "",
        "Not shown in this width: cached.",
    ]


def test_what_is_useless_in_part_stays_whole_where_all_else_is_shortest() -> None:
    assert render([TRACES, NAMES, INPUT], width=10).splitlines() == [
        "trace             model",
        "0000000000000000  a-mod…",
        "1111111111111111  gpt-4o",
        "",
        "",
        "Not shown in this width: input.",
    ]


def test_wide_characters_are_cut_to_the_width_they_take() -> None:
    names = Column("name", ["検索検索検索検索検索", "x"], right=False)
    assert render([names], width=9).splitlines() == ["name", "検索検索…", "x"]


def test_a_heading_that_is_cut_or_shared_is_not_told_as_missing() -> None:
    billed = [Column("billed", ["1", "2"]), Column("billed", ["30", "40"], rank=1)]
    operation = Column("operation", ["invoke_workflow", "chat"], right=False)
    assert render([operation, *billed], width=15).splitlines() == [
        "operat…  billed",
        "invoke…       1",
        "chat          2",
        "",
        "Not shown in this width: billed.",
    ]

"""What is kept of what was found lately, and what goes first."""

from __future__ import annotations

from spanmeter_collector.lately import Lately


def test_what_nobody_asked_for_longest_goes_first() -> None:
    lately = Lately(most=5)
    lately.keep("old", "1", 2)
    lately.keep("asked", "2", 2)
    found = lately.find("old")

    lately.keep("new", "3", 2)

    assert found == "1"
    assert [lately.find(name) for name in ("old", "asked", "new")] == ["1", None, "3"]


def test_what_is_kept_again_takes_the_place_of_what_was() -> None:
    lately = Lately(most=5)
    for found in ("1", "2", "3"):
        lately.keep("same", found, 2)
    lately.keep("other", "4", 3)

    assert [lately.find(name) for name in ("same", "other")] == ["3", "4"]


def test_what_is_too_much_alone_is_not_kept_and_moves_nothing() -> None:
    lately = Lately(most=5)
    lately.keep("small", "1", 2)
    lately.keep("large", "2", 6)

    assert [lately.find(name) for name in ("small", "large")] == ["1", None]


def test_what_grew_too_much_is_forgotten() -> None:
    lately = Lately(most=5)
    lately.keep("same", "1", 2)
    lately.keep("same", "2", 6)

    assert lately.find("same") is None


def test_what_was_found_is_found_again_while_its_mark_is_the_same() -> None:
    lately, numbers = Lately(most=5), iter("1234")

    answers = [lately.find_or_ask("same", mark, lambda: next(numbers), rows=len) for mark in (1, 1, 2, 2)]

    assert answers == ["1", "1", "2", "2"]

"""Which names are one model."""

from __future__ import annotations

import pytest

from spanmeter_collector.reconcile.names import family, pair, plain


@pytest.mark.parametrize(
    ("name", "written", "related"),
    [
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("openai/GPT-4o", "gpt-4o", "gpt-4o"),
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
        ("Claude Haiku 4.5", "claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-3-7-sonnet-20250219", "claude-3-7-sonnet-20250219", "claude-sonnet-3-7"),
        ("Claude Sonnet 3.7", "claude-sonnet-3-7", "claude-sonnet-3-7"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-latest", "claude-haiku-3-5"),
        (
            "ft:gpt-4o-mini-2024-07-18:acme::A1",
            "ft:gpt-4o-mini-2024-07-18:acme::a1",
            "ft:gpt-4o-mini-2024-07-18:acme::a1",
        ),
    ],
)
def test_a_name_is_read_with_and_without_its_date(name: str, written: str, related: str) -> None:
    assert (plain(name), family(name)) == (written, related)


@pytest.mark.parametrize(
    ("billed", "known", "labels"),
    [
        ({"gpt-4o-2024-08-06"}, {"gpt-4o-2024-08-06"}, {"gpt-4o-2024-08-06": "gpt-4o-2024-08-06"}),
        (
            {"gpt-4o-2024-08-06"},
            {"gpt-4o"},
            {"gpt-4o-2024-08-06": "gpt-4o-2024-08-06", "gpt-4o": "gpt-4o-2024-08-06"},
        ),
        (
            {"gpt-4o-2024-08-06", "gpt-4o-2024-05-13"},
            {"gpt-4o"},
            {"gpt-4o-2024-08-06": "gpt-4o", "gpt-4o-2024-05-13": "gpt-4o", "gpt-4o": "gpt-4o"},
        ),
        (
            {"gpt-4o-2024-08-06", "gpt-4o-2024-05-13"},
            {"gpt-4o-2024-08-06"},
            {"gpt-4o-2024-08-06": "gpt-4o-2024-08-06", "gpt-4o-2024-05-13": "gpt-4o-2024-05-13"},
        ),
        ({"gpt-4o"}, {"gpt-4o-mini"}, {"gpt-4o": "gpt-4o", "gpt-4o-mini": "gpt-4o-mini"}),
        (
            {"Claude Haiku 4.5"},
            {"claude-haiku-4-5-20251001"},
            {
                "Claude Haiku 4.5": "claude-haiku-4-5-20251001",
                "claude-haiku-4-5-20251001": "claude-haiku-4-5-20251001",
            },
        ),
    ],
    ids=["equal", "alias", "alias of several", "one of two", "other models", "for people"],
)
def test_names_of_both_sides_are_paired(billed: set[str], known: set[str], labels: dict[str, str]) -> None:
    assert pair(billed, known) == labels

"""What is said of the price book."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from spanmeter.doctor import prices
from spanmeter.pricing import PriceBook

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(("days", "age"), [(0, "0 days ago"), (1, "1 day ago"), (2, "2 days ago")])
def test_a_book_of_late_is_well(days: int, age: str) -> None:
    (told,) = prices.check(user_file="", today=TODAY + timedelta(days=days))
    assert (told.level, told.text) == ("ok", f"{PriceBook.load().version}; its newest entry is of 2026-11-22, {age}")


def test_an_old_book_is_a_warning() -> None:
    later = max(prices.newest_price(date.max), TODAY) + timedelta(days=61)
    (told,) = prices.check(user_file="", today=later)
    assert (told.level, told.text.endswith(", 61 days ago"), told.advice) == (
        "warning",
        True,
        "models that came since are unpriced: pip install -U spanmeter genai-prices",
    )


def test_prices_that_are_announced_say_nothing_of_the_age() -> None:
    assert prices.newest_price(TODAY) <= TODAY < prices.newest_price(date.max)


def test_a_broken_file_of_the_users_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.toml"
    file.write_text("[[price]\n")
    monkeypatch.setenv("SPANMETER_PRICES", str(file))
    (told,) = prices.check(user_file=str(file), today=TODAY)
    assert (told.level, told.text.startswith(f"SPANMETER_PRICES: {file}:")) == ("problem", True)

"""The operator's file of budgets is read whole, or the start stops with the line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from spanmeter.budget_definition import BudgetDefinition
from spanmeter_collector.budget_file import read_budgets
from spanmeter_collector.setting import SettingError

EXAMPLE: Final = Path(__file__).parents[2] / "deploy" / "budgets.example.toml"
WRONG: Final = {
    "no TOML": ("[budgets.a", "this is not TOML: "),
    "an exponent": ("[budgets.a]\nlimit_usd = 1e99999999999999999999", "this is not TOML: "),
    "no UTF-8": ("[budgets.a]\nperiod = '\udcff'", "this is not TOML: 'utf-8' codec can't decode byte 0xff"),
    "another table": ("[budget.a]\nlimit_usd = 1", "budgets.toml:1: there is no such table: budget; allowed: [budg"),
    "no tables": ("budgets = 7", "budgets.toml:1: budgets are not written like this; allowed: a tabl"),
    "no table": ("[budgets]\na = 25", "budgets.toml:2: budget 'a': a is no table; allowed: [budgets.a]"),
    "no limit": ("\n[budgets.a]\nperiod = 'day'", "budgets.toml:2: budget 'a': limit_usd is missing"),
    "a value": ("[budgets.a]\nlimit_usd = 1\nperiod = 'year'", "budgets.toml:3: budget 'a': period='year' is not"),
    "a name": ('[budgets."a b"]\nlimit_usd = 1', "budgets.toml:1: budget 'a b': name='a b' is no name of a budget"),
}  # fmt: skip


def test_the_example_is_read_with_exact_amounts() -> None:
    daily, monthly = read_budgets(EXAMPLE)
    assert daily == BudgetDefinition(name="acme-daily", limit_usd=Decimal(25), scope={"tenant": "acme"})
    assert monthly.as_fields() == {
        "limit_usd": "400",
        "period": "month",
        "timezone": "Europe/Berlin",
        "scope": {"feature": "search", "tag.plan": "free"},
        "action": "downgrade",
        "downgrade": {"gpt-4o": "gpt-4o-mini"},
        "on_unknown": "allow",
        "thresholds": ["0.5", "0.8", "1"],
        "webhook": None,
    }


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    assert [*read_budgets(None), *read_budgets(tmp_path / "empty.toml")] == []


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_by_line(case: tuple[str, str], tmp_path: Path) -> None:
    text, reason = case
    path = tmp_path / "budgets.toml"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(SettingError) as refused:
        read_budgets(path)
    assert str(refused.value).startswith(f"SPANMETER_BUDGETS='{path}': {reason}")

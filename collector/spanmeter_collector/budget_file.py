"""The operator's file of budgets, read and checked at the start. deploy/budgets.example.toml describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from spanmeter.budget_definition import BudgetDefinition, DefinitionError
from spanmeter_collector.budget_register import MOST_BUDGETS
from spanmeter_collector.setting import SettingError
from spanmeter_collector.toml_file import read_toml

VARIABLE: Final = "SPANMETER_BUDGETS"


def read_budgets(path: Path | None) -> Sequence[BudgetDefinition]:
    """The definitions in a file: a table `[budgets.NAME]` each. Without a file there are none.

    Raises:
        SettingError: something in it is wrong: `FILE:LINE: what, which value, what is allowed`.
    """
    if path is None:
        return []
    document, lines = read_toml(VARIABLE, path)
    for key in document.keys() - {"budgets"}:
        raise _wrong(path, lines.get((key,), 1), f"there is no such table: {key}; allowed: [budgets.<name>]")
    return [*_definitions(path, document.get("budgets", {}), lines)]


def _definitions(path: Path, tables: object, lines: Mapping[tuple[str | int, ...], int]) -> Iterator[BudgetDefinition]:
    if not isinstance(tables, Mapping) or len(tables) > MOST_BUDGETS:
        allowed = f"a table [budgets.<name>] for each budget, up to {MOST_BUDGETS}"
        raise _wrong(path, lines.get(("budgets",), 1), f"budgets are not written like this; allowed: {allowed}")
    for name, table in tables.items():
        line = min((at for place, at in lines.items() if place[:2] == ("budgets", name)), default=1)
        try:
            yield BudgetDefinition.of(name, _table(name, table))
        except DefinitionError as error:
            key = str(error).partition("=")[0].partition(" ")[0]
            raise _wrong(path, lines.get(("budgets", name, key), line), f"budget {name!r}: {error}") from error


def _table(name: str, table: object) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise DefinitionError(f"{name} is no table; allowed: [budgets.{name}]")
    return table


def _wrong(path: Path, line: int, what: str) -> SettingError:
    return SettingError(VARIABLE, str(path), f"{path.name}:{line}: {what}")

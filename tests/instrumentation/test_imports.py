"""Actions wait for the module they are about."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanmeter.imports import Waiting


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "late_framework.py").write_text("ready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "late_framework"
    sys.modules.pop("late_framework", None)


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    made = Waiting()
    yield made
    if made in sys.meta_path:
        made.close()


def test_the_action_runs_after_the_module_has_been_executed(module: str, waiting: Waiting) -> None:
    seen: list[bool] = []
    waiting.when_imported(module, lambda: seen.append(sys.modules[module].ready))
    assert seen == []

    importlib.import_module(module)
    importlib.import_module(module)

    assert seen == [True]


def test_looking_for_a_module_is_no_import(module: str, waiting: Waiting) -> None:
    seen: list[str] = []
    waiting.when_imported(module, lambda: seen.append(module))
    assert importlib.util.find_spec(module) is not None
    assert seen == []

    importlib.import_module(module)

    assert seen == [module]


def test_the_action_runs_at_once_for_a_module_already_there(waiting: Waiting) -> None:
    seen: list[str] = []
    waiting.when_imported("json", lambda: seen.append("json"))

    assert seen == ["json"]


def test_finders_that_each_ask_all_others_find_a_module_once(module: str, waiting: Waiting) -> None:
    seen: list[str] = []
    waiting.when_imported(module, lambda: seen.append("first"))
    other = Waiting()
    other.when_imported(module, lambda: seen.append("other"))

    importlib.import_module(module)
    other.close()

    assert sorted(seen) == ["first", "other"]


def test_nothing_happens_after_closing(module: str, waiting: Waiting) -> None:
    seen: list[str] = []
    waiting.when_imported(module, lambda: seen.append(module))
    waiting.close()
    importlib.import_module(module)

    assert seen == []


def test_a_module_that_is_not_installed_is_still_missing(waiting: Waiting) -> None:
    waiting.when_imported("no_such_framework", lambda: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_framework")

"""A real store: one embedded engine a test process, one database of it a test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from spanmeter_collector.store import Store

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def engine_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one directory that the embedded engine holds in this process."""
    return tmp_path_factory.mktemp("engine") / "store"


@pytest.fixture
def store_url(engine_path: Path) -> str:
    """The address of an empty database."""
    return f"chdb://{engine_path}?database=test_{next(_NUMBERS)}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(store_url)
    yield opened
    opened.close()

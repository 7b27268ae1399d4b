"""Merges on a disk that is nearly full, by the real engine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from spanmeter_collector.merging import Merging
from spanmeter_collector.store import Store


def merge(store: Store) -> None:
    """Have the engine join what two inserts wrote."""
    for name in "ab":
        store.note(
            "note_budget",
            {"name": name, "revision": 1, "definition": "{}", "source": "code", "created_at": 0, "deleted": 0},
        )
    with store._reader() as client:
        client.command("OPTIMIZE TABLE budgets FINAL SETTINGS optimize_throw_if_noop = 1")


def test_nothing_is_merged_without_room_and_everything_later(store: Store, tmp_path: Path) -> None:
    merging = Merging(store, tmp_path, least=sys.maxsize)
    try:
        merging.look()
        merging.look()
        with pytest.raises(DatabaseError, match="ABORTED"):
            merge(store)
    finally:
        merging.least = 0
        merging.look()

    merge(store)
    assert not merging.is_stopped

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from spanmeter_collector.disk import DiskCollector
from spanmeter_collector.store import Store


def test_it_tells_what_tables_take_and_what_is_left(known: Store, tmp_path: Path) -> None:
    registry = CollectorRegistry()
    registry.register(DiskCollector(known, tmp_path))

    rows = registry.get_sample_value("spanmeter_collector_store_rows", {"table": "charges"})
    taken = registry.get_sample_value("spanmeter_collector_store_bytes", {"table": "charges"})
    free = registry.get_sample_value("spanmeter_collector_disk_free_bytes")

    assert rows == 14
    parts = known.query("partitions", {})
    assert taken == sum(part["bytes"] for part in parts if part["table"] == "charges")
    room = os.statvfs(tmp_path)
    assert free == pytest.approx(room.f_bavail * room.f_frsize, rel=0.1)

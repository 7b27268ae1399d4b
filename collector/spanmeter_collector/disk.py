"""What the sidecar takes on disk, and what is left there."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spanmeter_collector.metrics import while_answered
from spanmeter_collector.store import Store


class DiskCollector(Collector):
    """The families that tell of disk use, made at each scrape."""

    def __init__(self, store: Store, directory: Path) -> None:
        """`directory` is the data directory, whose file system is looked at."""
        self._store = store
        self._directory = directory

    @while_answered
    def collect(self) -> Iterator[Metric]:
        """Bytes and rows of every table of the store, and the room that is left."""
        free = shutil.disk_usage(self._directory).free
        damaged, left_out = self._store.damaged_parts, "Parts of tables that the start found damaged and left out."
        yield GaugeMetricFamily("spanmeter_collector_damaged_parts", left_out, value=damaged)
        yield GaugeMetricFamily("spanmeter_collector_disk_free_bytes", "Room left for log and store.", value=free)
        taken, held = Counter[str](), Counter[str]()
        for partition in self._store.query("partitions", {}):
            taken[partition["table"]] += partition["bytes"]
            held[partition["table"]] += partition["rows"]
        yield _by_table("spanmeter_collector_store_bytes", "What tables take on disk.", taken)
        yield _by_table("spanmeter_collector_store_rows", "How many rows tables have.", held)

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the store."""
        return ()


def _by_table(name: str, text: str, values: Counter[str]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=("table",))
    for table, value in values.items():
        family.add_metric((table,), value)
    return family

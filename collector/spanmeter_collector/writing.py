"""Writing: batches go into the store one after the other, each whole and once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from spanmeter.pricing import PriceBook
from spanmeter_collector.batch import Batch
from spanmeter_collector.bill import Bill
from spanmeter_collector.bundle import Bundle
from spanmeter_collector.cache_request import CacheRequest
from spanmeter_collector.charge import Charge
from spanmeter_collector.counter import Counter
from spanmeter_collector.damage import damaged, mend
from spanmeter_collector.digest import digest
from spanmeter_collector.duplicate import Duplicate
from spanmeter_collector.room import RoomError, has_room, require_room
from spanmeter_collector.row import Row
from spanmeter_collector.staged import Kept, Staged
from spanmeter_collector.staging import Staging

_WRITE_SETTINGS: Final = {
    "async_insert": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_partitions_per_insert_block": 0,
    "optimize_on_insert": 0,  # what views write is grouped already
}
_SLACK_S: Final = 2
"""The engine tells when a part was written in whole seconds."""
_BILLS: Final = "bills_1"
_TABLES: Final = {
    "spans": Row,
    "charges": Charge,
    _BILLS: Bill,
    "counters": Counter,
    "duplicates": Duplicate,
    "cache_requests": CacheRequest,
}

_logger = logging.getLogger(__name__)

Record = Row | Charge | Bill | Counter | Duplicate | CacheRequest


class Writing:
    """What is written on one connection, by one thread at a time."""

    def __init__(self, client: Any, *, directory: Path | None, damages: int = 0) -> None:  # noqa: ANN401
        """`client` is of clickhouse-connect. `directory` is where an embedded engine keeps all; None for a server.

        `damages` is how often parts were found damaged: the engine remembers the tokens of what it lost with them.
        """
        self._client = client
        self._directory = directory
        self._staging = Staging(client) if directory else None
        self._columns = {table: _Columns.of(client, table, record) for table, record in _TABLES.items()}
        self._torn_since: float | None = None
        self._damages = damages
        self._unfinished: tuple[Batch, str] | None = None
        self.lock = threading.Lock()
        """Held by who uses the connection."""
        self.writes = 0
        """How often a batch was written, or tried to be."""

    def stage(
        self, bundles: Sequence[Bundle], book: PriceBook, *, closed: frozenset[int], content: bool
    ) -> Staged | None:
        """Let the engine read spans; None where that is not for it to do, or where it cannot."""
        if self._staging is None:
            return None
        with self.lock:
            try:
                return self._staging.read(bundles, book, closed=closed, content=content)
            except DatabaseError:
                _logger.warning("the engine cannot read a batch of spans; it is read without it", exc_info=True)
                return None

    def write(self, batch: Batch, *, token: str) -> None:
        """Add a batch; the same token with the same batch adds nothing a second time."""
        with self.lock:
            try:
                self._finish()
                if self._torn_since is not None and self._mend():
                    raise RoomError("parts of the last write were damaged: look again at what is stored")
                with self._whole(batch, token):
                    self._insert_all(batch, token)
            finally:
                self.writes += 1

    def finish(self) -> int:
        """Complete the last write where a server failed in it; its spans.

        In an embedded store, drop what the last write left damaged, and bring rollups up to their tables.

        Raises:
            RoomError: The embedded store's disk is full.
        """
        with self.lock:
            if self._torn_since is not None:
                self._mend()
            return self._finish()

    def _mend(self) -> bool:
        """Whether anything of the last write was damaged; it is not any more."""
        assert self._directory is not None  # noqa: S101  a server's writes are finished
        require_room(self._directory)
        damaged_any = mend(self._client, since=int(self._torn_since or 0))
        self._damages += damaged_any
        self._torn_since = None
        return damaged_any

    @contextmanager
    def _whole(self, batch: Batch, token: str) -> Iterator[None]:
        """A write that fails halfway may leave rollups behind their tables; they are brought up before the next one.

        In an embedded store by comparing them. A server goes on when we do not, and others may be writing to it: there
        it takes the same inserts once more.

        Raises:
            RoomError: The embedded store's disk is full, or filled up meanwhile under what was written.
        """
        if self._directory is None:
            self._unfinished = (batch, token)
            yield
            self._unfinished = None
            return
        require_room(self._directory)
        self._torn_since = time.time() - _SLACK_S
        yield
        if not has_room(self._directory) and (parts := damaged(self._client, since=int(self._torn_since))):
            raise RoomError(f"the disk filled up: part {parts[0].name} of {parts[0].table} is not whole")
        self._torn_since = None

    def _finish(self) -> int:
        if self._unfinished is None:
            return 0
        batch, token = self._unfinished
        try:
            self._insert_all(batch, token)
        except OperationalError:
            raise
        except DatabaseError:
            self._unfinished = None
            raise
        self._unfinished = None
        return batch.spans

    def _insert_all(self, batch: Batch, token: str) -> None:
        # First: a stored span is not looked at again, while what it told of caches may be written any number of times.
        self._insert("cache_requests", batch.cache_requests, token)
        self._insert_cached(batch.staged, token)
        anew = f"{token}-{self._damages}" if self._damages else token  # they are looked for in the store before
        self._insert("spans", batch.rows, anew)
        self._insert_staged(batch.staged, anew)
        self._insert("charges", batch.charges, anew)
        self._insert(_BILLS, batch.bills, anew)
        self._insert("counters", batch.counters, token)
        self._insert("duplicates", batch.duplicates, token)

    def _insert(self, table: str, records: Sequence[Record], token: str) -> None:
        if not records:
            return
        columns = self._columns[table]
        values = dict(zip(columns.names, zip(*records, strict=True), strict=True))
        self._client.insert(
            table,
            list(values.values()),
            column_names=columns.names,
            column_types=columns.types,
            column_oriented=True,
            settings={**_WRITE_SETTINGS, "insert_deduplication_token": f"{table}-{token}-{digest(values)}"},
        )

    def _insert_cached(self, kept: Kept | None, token: str) -> None:
        if self._staging is not None and kept is not None and kept.ids:
            self._staging.cache(kept, settings=_staged_settings("cached", token, kept.ids))

    def _insert_staged(self, kept: Kept | None, token: str) -> None:
        if self._staging is None or kept is None:
            return
        if kept.ids:
            self._staging.store(kept, settings=_staged_settings("staged", token, kept.ids))
        if kept.billing:
            self._staging.bill(kept.billing, settings=_staged_settings("billed", token, kept.billing.ids))


def _staged_settings(what: str, token: str, ids: bytes) -> dict[str, object]:
    return {**_WRITE_SETTINGS, "insert_deduplication_token": f"{what}-{token}-{digest({'span_id': [ids]})}"}


@dataclass(frozen=True, slots=True)
class _Columns:
    names: tuple[str, ...]
    types: Sequence[Any]

    @classmethod
    def of(cls, client: Any, table: str, record: type[Record]) -> _Columns:  # noqa: ANN401
        names = record._fields
        return cls(names, client.create_insert_context(table, column_names=names).column_types)

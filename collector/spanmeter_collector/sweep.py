"""The sweep: at the start and every hour, what retention says is to go is dropped."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from spanmeter_collector.repeating import repeating
from spanmeter_collector.retention import OVER_SIZE, SWEPT, Due, Partition, Retention, due
from spanmeter_collector.status import OK, Status
from spanmeter_collector.store import Store

_EVERY_S: Final = 3600.0
_DAY_S: Final = 86_400
_BOOT_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_logger = logging.getLogger(__name__)


def _elapsed() -> float:
    return time.clock_gettime(_BOOT_CLOCK)


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells seconds since 1970, and those of a clock that nobody sets and that goes on while the machine sleeps."""

    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = _elapsed


_CLOCK: Final = Clock()


class Sweep:
    """Drops what a retention does not keep; `damaged` is the folder of what the log set aside."""

    def __init__(
        self,
        store: Store,
        retention: Retention,
        status: Status,
        *,
        damaged: Path,
        clock: Clock = _CLOCK,
    ) -> None:
        self._store = store
        self._retention = retention
        self._status = status
        self._damaged = damaged
        self._clock = clock
        self._began = clock.now() - clock.elapsed()
        self._last = float("inf")
        self.standing = OK
        """"ok", or why what is due is still there."""

    def run(self) -> list[Due]:
        """Drop what is due, one log line for all of it, and tell what that was.

        What was written to since the sweep before stays until the next. Where the clock was set by more than a day
        since the start, nothing is dropped: it may be wrong.

        Raises:
            clickhouse_connect.driver.exceptions.Error: the store cannot be asked or refuses.
        """
        now = self._clock.now()
        if abs(now - self._clock.elapsed() - self._began) > _DAY_S:
            _logger.warning("the clock was set and says %s: nothing is dropped before the next start", _time(now))
            return []
        quiet_since, self._last = min(self._last, now), now
        rows = self._store.query("partitions", {})
        taken = sum(row["bytes"] for row in rows)
        dropped = due(
            [_partition(row) for row in rows if row["table"] in SWEPT],
            self._retention,
            store_bytes=taken,
            today=_time(now).date(),
            quiet_since=_time(quiet_since),
        )
        for one in dropped:
            self._drop(one, now)
        self._tell(dropped, taken - sum(one.partition.bytes for one in dropped))
        self._drop_damaged(now)
        return dropped

    def _drop(self, one: Due, now: float) -> None:
        """A day of spans is closed before it goes, so that no crash in between lets it be charged again."""
        partition = one.partition
        with self._store.ledger:
            self._store.note(
                "note_dropped",
                {
                    "dropped_at": round(now * 1000),
                    "name": partition.table,
                    "partition": partition.name,
                    "reason": one.reason,
                    "rows": partition.rows,
                    "bytes": partition.bytes,
                },
            )
            self._store.read_closed_days()
            table = self._store.layout.altered(partition.table)
            self._store.execute("drop_partition", {"partition": partition.name}, {"table": table})
        self._status.dropped_partitions.labels(table=partition.table, reason=one.reason).inc()
        self._status.dropped_rows.labels(table=partition.table, reason=one.reason).inc(partition.rows)

    def _tell(self, dropped: Sequence[Due], left_bytes: int) -> None:
        if dropped:
            partitions = Counter(f"{one.partition.table} by {one.reason}" for one in dropped)
            said = ", ".join(f"{count} of {which}" for which, count in sorted(partitions.items()))
            rows = sum(one.partition.rows for one in dropped)
            _logger.info("retention dropped %d partitions, %d rows: %s", len(dropped), rows, said)
        most = self._retention.most_bytes
        if most is not None and left_bytes > most:
            sentence = "the store takes %d bytes, SPANMETER_RETENTION_GB allows %d: what is left is never dropped by %s"
            _logger.warning(sentence, left_bytes, most, OVER_SIZE)

    def _drop_damaged(self, now: float) -> None:
        """What the log set aside is kept as long as spans are."""
        days = self._retention.span_days
        if days is None or not self._damaged.is_dir():
            return
        for path in self._damaged.iterdir():
            with suppress(FileNotFoundError):
                if now - path.stat().st_mtime > days * _DAY_S:
                    path.unlink()


@contextmanager
def sweeping(sweep: Sweep, status: Status) -> Iterator[None]:
    """Run a sweep now and every hour, on a thread of its own; a store that refuses is asked again an hour later."""
    status.tell("retention", lambda: sweep.standing)
    with repeating(partial(_sweep_hourly, sweep, status), name="spanmeter-sweep"):
        yield


def _sweep_hourly(sweep: Sweep, status: Status, ended: threading.Event) -> None:
    while True:
        try:
            sweep.run()
            sweep.standing = OK
        except Exception:  # the barrier: no fault of one round ends all that follow
            sweep.standing = "what is due could not be dropped; it is tried again in an hour"
            status.failed_sweeps.inc()
            _logger.exception("retention could not drop what is due; it is tried again in an hour")
        if ended.wait(_EVERY_S):
            return


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _partition(row: dict[str, Any]) -> Partition:
    return Partition.of(row["table"], row["name"], rows=row["rows"], size=row["bytes"], written_at=row["written_at"])

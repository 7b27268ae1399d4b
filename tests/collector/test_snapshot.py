"""A snapshot of a real store and a real log, while both go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from spanmeter_collector.batch import Batch
from spanmeter_collector.charge import Charge
from spanmeter_collector.log import Log
from spanmeter_collector.question_error import QuestionError
from spanmeter_collector.record import Record
from spanmeter_collector.snapshot import Snapshots, UnderWayError
from spanmeter_collector.store import Store

ROLLED_UP: Final = {"charge_sums": 9, "ledger_totals": 1}


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = Log.open(tmp_path / "log")
    yield opened
    opened.close()


def charge(number: int) -> Charge:
    blank: dict[str, Any] = dict.fromkeys(Charge._fields, 0)
    texts = {name: "" for name, kind in Charge.__annotations__.items() if kind.__forward_arg__ == "str"}
    ids: dict[str, Any] = {
        "trace_id": bytes(16),
        "span_id": number.to_bytes(8),
        "tags": {},
        "usd": None,
        "usd_per_unit": None,
    }
    return Charge(**{**blank, **texts, **ids, "time": number})


def test_it_holds_what_was_there_and_nothing_later(store: Store, log: Log, tmp_path: Path) -> None:
    store.write(Batch(charges=[charge(1), charge(2)]), token="before")
    ends = log.append([Record(7, 1, b"stored"), Record(8, 1, b"not stored")])
    log.checkpoint(ends[0])

    with Snapshots(store, log, tmp_path / "links").take() as snapshot:
        store.write(Batch(charges=[charge(3)]), token="after")
        log.append([Record(9, 1, b"later")])
        log.checkpoint(ends[1])
        rows = {name: table.rows for name, table in snapshot.tables.items() if table.rows}
        copied = tmp_path / "copied"
        copied.mkdir()
        for file, held in snapshot.log.items():
            (copied / file.name).write_bytes(file.read_bytes()[held.start : held.stop])

    assert rows == {"charges": 2} | ROLLED_UP
    restored = Log.open(copied)
    assert [record for _, record in restored.read(restored.stored)] == [Record(8, 1, b"not stored")]
    restored.close()


def test_it_holds_what_an_earlier_run_left_in_the_log(store: Store, log: Log, tmp_path: Path) -> None:
    end = log.append([Record(7, 1, b"not stored")])[0]
    log.close()
    again = Log.open(tmp_path / "log")

    with Snapshots(store, again, tmp_path / "links").take() as snapshot:
        held = {file.name: held for file, held in snapshot.log.items()}

    again.close()
    assert held == {f"{end.segment:020d}.log": range(end.offset)}


def test_of_a_log_that_is_stored_it_holds_nothing(store: Store, log: Log, tmp_path: Path) -> None:
    log.checkpoint(log.append([Record(7, 1, b"stored")])[0])

    with Snapshots(store, log, tmp_path / "links").take() as snapshot:
        assert snapshot.log == {}


def test_there_is_one_at_a_time_and_nothing_is_left_of_it(store: Store, log: Log, tmp_path: Path) -> None:
    store.write(Batch(charges=[charge(1)]), token="1")
    snapshots = Snapshots(store, log, tmp_path / "links")

    with snapshots.take() as first:
        with pytest.raises(UnderWayError, match="a backup is under way; try again when it has ended"), snapshots.take():
            pass
        parts = [part for table in first.tables.values() for part in table.parts.values()]
        assert [part.is_dir() for part in parts] == [True] * len(("charges", *ROLLED_UP))
    with snapshots.take():
        pass

    assert not parts[0].exists()
    assert not (tmp_path / "links").exists()


def test_what_a_killed_run_left_is_removed_at_the_start(store: Store, log: Log, tmp_path: Path) -> None:
    assert store.directory is not None
    left = [store.directory / "shadow" / "backup" / "store", tmp_path / "links"]
    for directory in left:
        directory.mkdir(parents=True)

    Snapshots(store, log, tmp_path / "links")

    assert [directory.exists() for directory in left] == [False, False]


def test_a_server_makes_its_own(store: Store, log: Log, tmp_path: Path) -> None:
    store.directory = None

    with (
        pytest.raises(QuestionError, match="makes its own backups: BACKUP DATABASE <name> TO Disk"),
        Snapshots(store, log, tmp_path / "links").take(),
    ):
        pass

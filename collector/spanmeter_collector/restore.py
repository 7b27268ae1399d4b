"""Restoring: an archive becomes the data directory of a sidecar, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlsplit

from spanmeter_collector.archive import ArchiveError, Header, extract
from spanmeter_collector.rollup_repair import FORMER_TABLES
from spanmeter_collector.setting import SettingError
from spanmeter_collector.settings import Settings
from spanmeter_collector.store import Store

MARK: Final = "restoring"
"""The folder of the data directory that is there while a restore is under way, and after one that was broken off."""


def restore(source: IO[bytes], settings: Settings) -> Header:
    """Make the store and the log of an archive those of a sidecar with these settings.

    Everything is unpacked, checked and loaded beside its place and then renamed; before that nothing is there.

    Raises:
        ArchiveError: The archive is none, is not whole, or is of a later version.
        SettingError: The data directory or the store is not empty, cannot be written, or the store is a server.
    """
    place = _store_place(settings)
    with _empty_data_directory(settings, place) as staging:
        header = extract(source, staging)
        for folder in ("store", "log"):
            (staging / folder).mkdir(exist_ok=True)
        beside = place.with_name(f".{place.name}.{MARK}")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            _load(staging / "store", settings.store.replace(str(place), str(beside), 1), header)
            os.sync()
            (staging / "log").rename(settings.data_dir / "log")
            beside.rename(place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return header


def refuse_unfinished(settings: Settings) -> None:
    """Stop a start in a directory to which a restore is under way, or was broken off.

    Raises:
        SettingError: It is so.
    """
    if (settings.data_dir / MARK).exists():
        reason = "a restore into this directory is not finished; run spanmeter restore again"
        raise SettingError("SPANMETER_DATA_DIR", str(settings.data_dir), reason)


def _store_place(settings: Settings) -> Path:
    parts = urlsplit(settings.store)
    if parts.scheme != "chdb":
        reason = (
            "a backup is restored into an embedded store; a ClickHouse server restores its own with RESTORE DATABASE"
        )
        raise SettingError("SPANMETER_STORE", settings.shown_store, reason)
    return Path(parts.path)


@contextmanager
def _empty_data_directory(settings: Settings, place: Path) -> Iterator[Path]:
    """A folder to work in, in a directory that holds nothing else."""
    directory = settings.data_dir
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _refuse_content(directory, place)
        staging = directory / MARK
        staging.mkdir(exist_ok=True)
    except OSError as error:
        raise SettingError("SPANMETER_DATA_DIR", str(directory), f"cannot be written: {error.strerror}") from error
    with (staging / "lock").open("wb") as lock:
        _lock(lock, directory)
        for left in staging.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        try:
            yield staging
        finally:
            shutil.rmtree(staging)


def _refuse_content(directory: Path, place: Path) -> None:
    ours = {MARK, "lost+found", f".{place.name}.{MARK}"}
    if held := sorted(path.name for path in directory.iterdir() if path.name not in ours):
        reason = f"the directory is not empty, it holds {', '.join(held[:3])}; move that away or name another directory"
        raise SettingError("SPANMETER_DATA_DIR", str(directory), reason)
    if place.exists() and any(place.iterdir()):
        raise SettingError("SPANMETER_STORE", f"chdb://{place}", "the store is not empty; move it away or name another")


def _lock(lock: IO[bytes], directory: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        reason = "another restore into this directory is under way"
        raise SettingError("SPANMETER_DATA_DIR", str(directory), reason) from error


def _load(parts: Path, url: str, header: Header) -> None:
    """Let the engine make its tables and take the parts into them.

    Rollups of an older layout are left out: opening the store makes them again of what they sum.
    """
    with closing(Store.open(url)) as store:
        store.execute("stop_merges", {})
        tables = {row["name"]: row for row in store.query("tables", {})}
        _refuse_other_layouts(header, tables)
        for table in sorted(path for path in parts.iterdir() if path.name not in FORMER_TABLES):
            detached = Path(tables[table.name]["directory"]) / "detached"
            for part in sorted(table.iterdir()):
                shutil.move(part, detached / part.name)
                store.execute("attach_part", {"part": part.name}, {"table": table.name})
        held = Counter[str]()
        for row in store.query("partitions", {}):
            held[row["table"]] += row["rows"]
        told = Counter({name: rows for name, rows in header.rows.items() if name not in FORMER_TABLES})
        if held != told:
            raise ArchiveError(f"the store took {dict(held)} rows of {dict(told)}")


def _refuse_other_layouts(header: Header, tables: Mapping[str, Mapping[str, Any]]) -> None:
    engine = next(iter(tables.values()))["engine_version"]
    if _numbers(header.engine) > _numbers(engine):
        raise ArchiveError(
            f"the backup was written by engine {header.engine}, and this is {engine}: install a later one"
        )
    unknown = header.rows.keys() - tables.keys()
    if later := sorted(unknown - FORMER_TABLES):
        wrote = f"spanmeter {header.spanmeter} wrote this backup with table {later[0]}"
        raise ArchiveError(f"{wrote}; restore it with that version")
    if unknown and header.rows.get("dropped"):
        reason = (
            f"an earlier build wrote this backup, with sums (table {min(unknown)}) of what retention has dropped since"
        )
        raise ArchiveError(f"{reason}; restore it with that build, then start a sidecar of this one on the directory")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".") if number.isdecimal()]

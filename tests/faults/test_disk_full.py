"""A disk that fills up under log and store and is freed again: a small tmpfs, and so a real ENOSPC."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from victim import USD_A_CALL, NotStartedError, Sidecar, body_of, wait_until

from spanmeter_collector.log import Log
from spanmeter_collector.record import Record

MEGABYTES = 256


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mounted("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(place)):
        pytest.skip("may not mount a tmpfs here; root with CAP_SYS_ADMIN may")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def mounted(*command: str) -> bool:
    with suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def fill(disk: Path, *, free: int = 0) -> Path:
    filler = disk / "filler"
    room = os.statvfs(disk)
    with filler.open("ab") as file:
        with suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize - free)
        while not free:
            try:
                os.write(file.fileno(), bytes(4096))
            except OSError:
                break
    return filler


def test_it_refuses_while_the_disk_is_full_and_answers_queries(start: Callable[..., Sidecar], disk: Path) -> None:
    sidecar = start(DATA_DIR=str(disk / "data"))
    assert sidecar.post(body_of(0, 100)).status_code == 200
    sidecar.settle()
    filler = fill(disk)

    refused = sidecar.post(body_of(100, 100))
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    assert b"the disk is nearly full: 0 bytes are free" in refused.content
    assert sidecar.metric('refused_requests_total{reason="disk_full"}') == 1
    assert sidecar.billed() == (100, 100 * USD_A_CALL)
    ready = httpx.get(f"{sidecar.http}/ready")
    assert (ready.status_code, ready.json()["checks"]["disk"][:11]) == (503, "nearly full")

    filler.unlink()
    assert sidecar.get("/ready")["ready"]
    assert sidecar.post(body_of(100, 100)).status_code == 200
    sidecar.settle()
    assert sidecar.billed() == (200, 200 * USD_A_CALL)


def test_what_was_acknowledged_before_the_disk_was_full_is_stored_after(
    start: Callable[..., Sidecar], disk: Path
) -> None:
    sidecar = start(DATA_DIR=str(disk / "data"))
    for number in range(20):
        assert sidecar.post(body_of(number * 500, 500)).status_code == 200
    filler = fill(disk)
    wait_until(lambda: "cannot write" in sidecar.get("/ready")["checks"]["store"] or not pending(sidecar))
    assert sidecar.process.poll() is None

    filler.unlink()
    sidecar.settle()
    assert sidecar.billed() == (10_000, 10_000 * USD_A_CALL)
    assert sidecar.get("/ready")["ready"]
    assert sidecar.metric('refused_requests_total{reason="not_storable"}') == 0


def pending(sidecar: Sidecar) -> float:
    return sidecar.metric("pending_spans")


def test_a_start_on_a_full_disk_is_refused_and_costs_nothing(start: Callable[..., Sidecar], disk: Path) -> None:
    sidecar = start(DATA_DIR=str(disk / "data"))
    assert sidecar.post(body_of(0, 100)).status_code == 200
    sidecar.settle()
    sidecar.stop()
    filler = fill(disk)

    with pytest.raises(
        NotStartedError, match="the store cannot be opened: the disk is full: 0 bytes are free, 33554432"
    ):
        start(DATA_DIR=str(disk / "data"))

    filler.unlink()
    assert start(DATA_DIR=str(disk / "data")).billed() == (100, 100 * USD_A_CALL)


def test_a_record_that_does_not_fit_is_refused_and_the_log_stays_whole(disk: Path) -> None:
    log = Log.open(disk / "log")
    small, large = Record(1, 1, b"small", spans=1), Record(2, 1, bytes(2**20), spans=1)
    (first,) = log.append([small])
    filler = fill(disk, free=2**19)

    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            log.append([large])
    (second,) = log.append([small])
    filler.unlink()
    (third,) = log.append([large])

    assert list(log.read(log.stored)) == [(first, small), (second, small), (third, large)]
    log.close()


def test_a_directory_that_can_only_be_read_stops_the_start(start: Callable[..., Sidecar], disk: Path) -> None:
    (disk / "data" / "log").mkdir(parents=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)

    with pytest.raises(NotStartedError, match=r"has to read and write all of it: Read-only file system: .*lock"):
        start(DATA_DIR=str(disk / "data"))

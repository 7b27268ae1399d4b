"""A file that is shared, bounded, its owner's alone, and never a reason to fail."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spanmeter.cache import Disk

SIZE = 100 + len("answers") + 3


def fill(disk: Disk, numbers: range, *, expires_at: float | None = None) -> None:
    for number in numbers:
        disk.put("answers", f"{number:03}", b"x" * 100, expires_at=expires_at)


def test_the_file_outlives_its_process(tmp_path: Path) -> None:
    Disk(tmp_path / "deep" / "cache.sqlite").put("answers", "a", b"one", expires_at=None)

    assert Disk(tmp_path / "deep" / "cache.sqlite").get("answers", "a") == b"one"


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    Disk(tmp_path / "deep" / "cache.sqlite").put("answers", "a", b"one", expires_at=None)

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "deep").iterdir()}
    assert {**modes, "deep": oct((tmp_path / "deep").stat().st_mode & 0o777)} == {
        "cache.sqlite": "0o600",
        "cache.sqlite-shm": "0o600",
        "cache.sqlite-wal": "0o600",
        "deep": "0o700",
    }


def test_what_was_written_longest_ago_makes_room(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "cache.sqlite", max_bytes=500 * SIZE)
    fill(disk, range(501))

    kept = sorted(disk.keys("answers"))
    assert (kept[0], kept[-1], len(kept), disk.bytes) == ("100", "500", 401, 401 * SIZE)


def test_what_has_expired_makes_room_first(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "cache.sqlite", max_bytes=500 * SIZE)
    fill(disk, range(400))
    fill(disk, range(400, 501), expires_at=1.0)

    assert (max(disk.keys("answers")), disk.bytes) == ("399", 400 * SIZE)


def test_sizes_are_those_of_what_is_there(disk: Disk) -> None:
    fill(disk, range(3))
    disk.put("answers", "000", b"x" * 50, expires_at=None)
    disk.drop("answers", "001")

    assert disk.bytes == 2 * SIZE - 50
    disk.clear("answers")
    assert disk.bytes == 0


def test_what_is_larger_than_all_of_it_is_not_kept(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "cache.sqlite", max_bytes=50)
    disk.put("answers", "a", b"x" * 100, expires_at=None)

    assert disk.get("answers", "a") is None


def test_threads_share_one_file(disk: Disk) -> None:
    threads = [threading.Thread(target=fill, args=(disk, range(start, start + 25))) for start in range(0, 100, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(list(disk.keys("answers"))) == 100


WRITER = """
import sys
from spanmeter.cache import Disk
disk = Disk(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 50):
    disk.put("answers", f"{number:03}", b"x" * 100, expires_at=None)
"""


def test_processes_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), start]) for start in ("0", "50")]

    assert [writer.wait() for writer in writers] == [0, 0]
    assert (len(list(Disk(path).keys("answers"))), Disk(path).bytes) == (100, 100 * SIZE)


def test_one_of_many_that_make_the_file_at_once_has_the_claim(tmp_path: Path) -> None:
    for number in range(10):
        disks = [Disk(tmp_path / f"cache-{number}.sqlite") for _ in range(4)]
        together = threading.Barrier(len(disks))

        def claim(disk: Disk, together: threading.Barrier = together) -> bool:
            together.wait()
            return disk.claim("c", "k", f"{id(disk)}", for_s=30)

        with ThreadPoolExecutor(len(disks)) as pool:
            claims = list(pool.map(claim, disks))
        assert sorted(claims) == [False, False, False, True]
        for disk in disks:
            disk.close()


def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"somebody's letter, and long enough to be read as a page " * 100)

    with pytest.raises(sqlite3.DatabaseError):
        Disk(path).get("answers", "a")
    assert path.read_bytes().startswith(b"somebody's letter")


@pytest.mark.parametrize("gone", ["c.sqlite", "."], ids=["file", "folder"])
def test_a_file_that_was_taken_away_is_begun_anew(gone: str, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    disk = Disk(folder / "c.sqlite")
    disk.put("answers", "a", b"1", expires_at=None)
    taken = folder / gone
    taken.rename(tmp_path / "taken")
    disk.put("answers", "b", b"2", expires_at=None)

    assert list(Disk(folder / "c.sqlite").keys("answers")) == ["b"]


def test_a_size_is_above_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_bytes=0 is not allowed; allowed: a number of bytes above 0"):
        Disk(tmp_path / "cache.sqlite", max_bytes=0)


_OTHER = """
import sys
from spanmeter.cache import Disk
disk = Disk(sys.argv[1])
disk.put("answers", "a", b"one", expires_at=None)
for _ in sys.stdin:
    print(disk.get("answers", "b"), flush=True)
"""


@pytest.mark.parametrize("gone", [("",), ("-wal",), ("", "-wal"), ("", "-wal", "-shm")], ids=" ".join)
def test_a_file_taken_away_under_another_process_is_begun_anew_by_both(gone: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    ours = Disk(path)
    command = [sys.executable, "-c", _OTHER, str(path)]
    with subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "None\n"
        for name in gone:
            Path(f"{path}{name}").unlink()
        ours.put("answers", "b", b"two", expires_at=None)
        other.stdin.write("\n")
        other.stdin.close()
        assert (other.stdout.read(), ours.get("answers", "b")) == ("b'two'\n", b"two")
    ours.close()

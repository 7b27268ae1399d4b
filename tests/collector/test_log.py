from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from spanmeter_collector.log import Log, LogInUseError, Position, Waiting
from spanmeter_collector.record import Record

FIRST, SECOND, THIRD = (Record(1000 + number, 1, f"body {number}".encode(), spans=number) for number in (1, 2, 3))
SIZE = FIRST.size
START = Position(0, 0)
START_NS = 1_795_352_400_000_000_000
DAY_NS = 86_400_000_000_000


def replayed(directory: Path) -> list[Record | None]:
    log = Log.open(directory)
    records = [record for _, record in log.read(log.stored)]
    log.close()
    return records


def written(directory: Path, *records: Record) -> list[Position]:
    log = Log.open(directory)
    ends = log.append(records)
    log.close()
    return ends


def segment(directory: Path) -> Path:
    (found,) = directory.glob("*.log")
    return found


def kept(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((directory / "damaged").iterdir())]


def test_what_was_appended_comes_back_in_order_after_a_restart(tmp_path: Path) -> None:
    written(tmp_path, FIRST, SECOND)
    written(tmp_path, THIRD)

    assert replayed(tmp_path) == [FIRST, SECOND, THIRD]


def test_what_is_appended_can_be_read_at_once(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    (first,) = log.append([FIRST])
    assert list(log.read(START)) == [(first, FIRST)]

    (second,) = log.append([SECOND])
    assert list(log.read(first)) == [(second, SECOND)]
    assert list(log.read(log.end)) == []
    log.close()


def test_what_is_stored_does_not_come_back(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    ends = log.append([FIRST, SECOND])
    log.checkpoint(ends[0])
    log.close()

    assert replayed(tmp_path) == [SECOND]


def test_segments_before_the_checkpoint_are_deleted(tmp_path: Path) -> None:
    written(tmp_path, FIRST)
    log = Log.open(tmp_path)
    log.checkpoint(log.append([SECOND])[-1])
    log.close()

    assert segment(tmp_path).read_bytes() == SECOND.encode(log.end.segment)
    assert replayed(tmp_path) == []


@pytest.mark.parametrize(("later_s", "segments"), [(60, 1), (61, 2)])
def test_what_was_stored_a_minute_ago_is_not_kept_beside_what_comes(
    tmp_path: Path, later_s: int, segments: int
) -> None:
    clock = [START_NS, START_NS + later_s * 1_000_000_000]
    log = Log.open(tmp_path, now=lambda: clock[0])
    log.checkpoint(log.append([FIRST])[-1])
    log._now = lambda: clock[1]

    ends = log.append([SECOND])

    assert len({path.name for path in tmp_path.glob("*.log")}) == segments
    log.checkpoint(ends[-1])
    assert segment(tmp_path).read_bytes().count(b"body 1") == 2 - segments
    log.close()


def test_the_last_segment_goes_at_the_end_once_all_of_it_is_stored(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    first, _ = log.append([FIRST, SECOND])
    log.checkpoint(first)
    log.drop_stored()
    log.close()
    assert replayed(tmp_path) == [SECOND]

    log = Log.open(tmp_path)
    log.checkpoint(log.end)
    log.drop_stored()
    log.close()

    assert (list(tmp_path.glob("*.log")), replayed(tmp_path)) == ([], [])
    assert written(tmp_path, THIRD) > [first]
    assert replayed(tmp_path) == [THIRD]


def test_segments_after_the_checkpoint_stay(tmp_path: Path) -> None:
    (stored, _) = written(tmp_path, FIRST, FIRST)
    written(tmp_path, SECOND)
    log = Log.open(tmp_path)
    log.append([THIRD])
    log.checkpoint(stored)
    log.close()

    assert replayed(tmp_path) == [FIRST, SECOND, THIRD]


def test_what_waits_is_counted_by_segment(tmp_path: Path) -> None:
    (stored, first) = written(tmp_path, FIRST, SECOND)
    (second,) = written(tmp_path, THIRD)
    log = Log.open(tmp_path)
    log.checkpoint(stored)

    assert list(log.waiting()) == [Waiting(first, 2, SIZE, 1002), Waiting(second, 3, SIZE, 1003)]
    log.checkpoint(second)
    assert list(log.waiting()) == []
    log.close()


def refuse(code: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_full_disk_gets_room_from_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.open(tmp_path)
    (stored,) = log.append([FIRST])
    with monkeypatch.context() as full:
        full.setattr("os.fdatasync", refuse(errno.ENOSPC))
        full.setattr(Path, "write_text", refuse(errno.ENOSPC))
        for _ in range(3):
            with pytest.raises(OSError, match="No space"):
                log.append([SECOND])
        assert segment(tmp_path).stat().st_size == SIZE

        with pytest.raises(OSError, match="No space"):
            log.checkpoint(stored)
        assert list(tmp_path.glob("*.log")) == []
    log.append([THIRD])
    log.close()

    assert replayed(tmp_path) == [THIRD]


def test_a_segment_whose_sync_failed_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.open(tmp_path)
    (first,) = log.append([FIRST])
    with monkeypatch.context() as broken:
        broken.setattr("os.fdatasync", refuse(errno.EIO))
        with pytest.raises(OSError, match="Input/output error"):
            log.append([SECOND])
    (third,) = log.append([THIRD])
    log.close()

    assert third.segment > first.segment
    assert replayed(tmp_path) == [FIRST, THIRD]


def test_a_segment_whose_name_is_not_safe_on_disk_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log.open(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", refuse(errno.EIO))
        with pytest.raises(OSError, match="Input/output error"):
            log.append([FIRST])
    ends = log.append([SECOND])

    assert list(log.read(START)) == [(ends[0], SECOND)]
    log.close()


@pytest.mark.parametrize("lost", [1, SIZE - 1])
def test_a_torn_end_is_set_aside_and_the_rest_comes_back(tmp_path: Path, lost: int) -> None:
    (_, end) = written(tmp_path, FIRST, SECOND)
    torn = segment(tmp_path)
    torn.write_bytes(torn.read_bytes()[:-lost])

    assert replayed(tmp_path) == [FIRST, None]
    assert kept(tmp_path) == [SECOND.encode(end.segment)[:-lost]]


@pytest.mark.parametrize(
    "tail", [bytes(4096), b"\xff" * 4096, b"\xd5Sp2" * 30, FIRST.encode(7)], ids=["zeros", "ones", "magic", "recycled"]
)
def test_what_a_power_cut_leaves_behind_the_end_is_no_record(tmp_path: Path, tail: bytes) -> None:
    written(tmp_path, FIRST)
    with segment(tmp_path).open("ab") as file:
        file.write(tail)

    assert replayed(tmp_path) == [FIRST, None]
    assert kept(tmp_path) == [tail]


@pytest.mark.parametrize("byte", range(SIZE))
def test_any_flipped_byte_costs_one_record_and_no_other(tmp_path: Path, byte: int) -> None:
    (_, end, _) = written(tmp_path, FIRST, SECOND, THIRD)
    content = bytearray(segment(tmp_path).read_bytes())
    content[SIZE + byte] ^= 0x80
    segment(tmp_path).write_bytes(content)

    assert replayed(tmp_path) == [FIRST, None, THIRD]
    assert kept(tmp_path) == [bytes(content[SIZE : 2 * SIZE])]
    assert end.offset == 2 * SIZE


def test_a_lost_stretch_costs_the_records_in_it_and_no_other(tmp_path: Path) -> None:
    large = Record(1, 1, os.urandom(3 * 2**20))
    written(tmp_path, FIRST, large, SECOND, large, THIRD)
    with segment(tmp_path).open("r+b") as file:
        file.seek(SIZE + 2**20)
        file.write(bytes(2**20))
        file.seek(-SIZE - 2**20, os.SEEK_END)
        file.write(bytes(4096))

    assert replayed(tmp_path) == [FIRST, None, SECOND, None, THIRD]


def test_sectors_that_cannot_be_read_cost_the_records_in_them_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, FIRST, Record(1, 1, os.urandom(2**20)), THIRD)
    read = os.pread

    def fail_in_the_middle(descriptor: int, size: int, offset: int) -> bytes:
        if offset < 2**19 < offset + size:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(descriptor, size, offset)

    monkeypatch.setattr("os.pread", fail_in_the_middle)
    monkeypatch.setattr("spanmeter_collector.record._PIECE_BYTES", 2**18)
    assert replayed(tmp_path) == [FIRST, None, THIRD]


def test_damage_in_one_segment_does_not_hide_the_next(tmp_path: Path) -> None:
    written(tmp_path, FIRST)
    segment(tmp_path).write_bytes(b"\xff" * 40)
    written(tmp_path, SECOND)

    assert replayed(tmp_path) == [None, SECOND]


def test_what_a_newer_version_wrote_is_kept(tmp_path: Path) -> None:
    written(tmp_path, FIRST, SECOND)
    newer = segment(tmp_path).read_bytes().replace(b"\xd5Sp2", b"\xd5Sp3", 1)
    segment(tmp_path).write_bytes(newer)

    assert replayed(tmp_path) == [None, SECOND]
    assert kept(tmp_path) == [newer[:SIZE]]


def test_what_an_older_version_wrote_is_read(tmp_path: Path) -> None:
    written(tmp_path, SECOND)
    known = struct.pack("<QB", 1001, 1)
    older = struct.pack("<II", len(FIRST.body), crc32(known + FIRST.body)) + known + FIRST.body
    segment(tmp_path).write_bytes(older + segment(tmp_path).read_bytes())

    assert replayed(tmp_path) == [Record(1001, 1, FIRST.body), SECOND]


@pytest.mark.parametrize("checkpoint", ["", "garbage", "1", "99999999999999999999 8"])
def test_an_unreadable_checkpoint_means_reading_everything_again(tmp_path: Path, checkpoint: str) -> None:
    log = Log.open(tmp_path)
    log.checkpoint(log.append([FIRST])[-1])
    log.close()
    (tmp_path / "checkpoint").write_text(checkpoint)

    assert replayed(tmp_path) == [FIRST]


def test_a_checkpoint_with_a_wrong_digit_hides_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    log.checkpoint(log.append([FIRST, SECOND])[0])
    log.close()
    note = (tmp_path / "checkpoint").read_text()
    (tmp_path / "checkpoint").write_text("9" + note[1:])

    assert replayed(tmp_path) == [FIRST, SECOND]


def test_a_segment_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "1.log").mkdir()

    with pytest.raises(OSError, match=r"1\.log"):
        Log.open(tmp_path)
    (tmp_path / "1.log").rmdir()
    assert replayed(tmp_path) == []


def test_a_segment_that_was_cut_below_what_is_stored_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = Log.open(tmp_path)
    log.checkpoint(log.append([FIRST, SECOND])[0])
    log.close()
    os.truncate(segment(tmp_path), SIZE - 1)

    assert replayed(tmp_path) == []
    assert f"was cut to {SIZE - 1} bytes: what is not stored of it is lost" in caplog.text


def test_a_request_that_cannot_be_stored_is_kept_as_it_stands(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    (end,) = log.append([FIRST])
    log.set_aside(end, FIRST, "too odd")
    log.close()

    assert kept(tmp_path) == [segment(tmp_path).read_bytes()]


def test_positions_grow_across_restarts(tmp_path: Path) -> None:
    ends = [*written(tmp_path, FIRST, SECOND), *written(tmp_path, THIRD)]

    assert sorted(set(ends)) == ends
    assert [end.offset for end in ends] == [SIZE, 2 * SIZE, SIZE]


@pytest.mark.parametrize("jump", [-3650 * DAY_NS, 3650 * DAY_NS], ids=["back", "forth"])
def test_positions_grow_though_the_clock_jumps(tmp_path: Path, jump: int) -> None:
    clock = [1_795_352_400_000_000_000, 1_795_352_400_000_000_000 + jump, 1_795_352_400_000_000_001]
    records: list[Any] = [FIRST, SECOND, THIRD]
    ends = []
    for now, record in zip(clock, records, strict=True):
        log = Log.open(tmp_path, now=lambda now=now: now)  # type: ignore[misc]
        ends += log.append([record])
        log.close()

    assert sorted(set(ends)) == ends
    assert replayed(tmp_path) == records


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    log = Log.open(tmp_path)

    with pytest.raises(LogInUseError, match="another process writes to"):
        Log.open(tmp_path)

    log.close()


def test_a_full_segment_is_followed_by_another(tmp_path: Path) -> None:
    large = Record(1, 1, bytes(33 * 2**20))
    log = Log.open(tmp_path)
    (first,), (second,) = log.append([large]), log.append([FIRST])
    log.close()

    assert second.segment > first.segment
    assert replayed(tmp_path) == [large, FIRST]


def test_a_segment_that_could_not_be_begun_stops_nothing_though_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log.open(tmp_path, now=lambda: START_NS)
    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", refuse(errno.EIO))
        with pytest.raises(OSError, match="Input/output error"):
            log.append([FIRST])
    log._now = lambda: START_NS - DAY_NS
    log.append([SECOND])
    log.close()

    assert replayed(tmp_path) == [SECOND]

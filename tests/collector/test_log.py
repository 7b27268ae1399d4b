from __future__ import annotations

import errno
from pathlib import Path

import pytest

from spanmeter_collector.log import Log, LogInUseError, Position, Record

FIRST, SECOND, THIRD = (Record(1000 + number, 1, f"body {number}".encode()) for number in range(3))
RECORD_BYTES = 17 + len(FIRST.body)


def replayed(directory: Path) -> tuple[list[Record], int]:
    log = Log.open(directory)
    records = [record for _, record in log.replay()]
    log.close()
    return records, log.damaged


def written(directory: Path, *records: Record) -> list[Position]:
    log = Log.open(directory)
    ends = log.append(records)
    log.close()
    return ends


def segment(directory: Path) -> Path:
    (found,) = directory.glob("*.log")
    return found


def test_what_was_appended_comes_back_in_order_after_a_restart(tmp_path: Path) -> None:
    written(tmp_path, FIRST, SECOND)
    written(tmp_path, THIRD)

    assert replayed(tmp_path) == ([FIRST, SECOND, THIRD], 0)


def test_what_is_stored_does_not_come_back(tmp_path: Path) -> None:
    log = Log.open(tmp_path)
    ends = log.append([FIRST, SECOND])
    log.checkpoint(ends[0])
    log.close()

    assert replayed(tmp_path) == ([SECOND], 0)


def test_segments_before_the_checkpoint_are_deleted(tmp_path: Path) -> None:
    written(tmp_path, FIRST)
    log = Log.open(tmp_path)
    log.checkpoint(log.append([SECOND])[-1])
    log.close()

    assert segment(tmp_path).read_bytes() == SECOND.encode()
    assert replayed(tmp_path) == ([], 0)


def test_segments_after_the_checkpoint_stay(tmp_path: Path) -> None:
    (stored, _) = written(tmp_path, FIRST, FIRST)
    written(tmp_path, SECOND)
    log = Log.open(tmp_path)
    log.append([THIRD])
    log.checkpoint(stored)
    log.close()

    assert replayed(tmp_path) == ([FIRST, SECOND, THIRD], 0)


def test_a_full_disk_gets_room_from_what_is_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.open(tmp_path)
    (stored,) = log.append([FIRST])
    with monkeypatch.context() as full:
        full.setattr("os.fdatasync", raise_no_space)
        full.setattr(Path, "write_text", raise_no_space)
        for _ in range(2):
            with pytest.raises(OSError, match="No space"):
                log.append([SECOND])
        assert log.size == RECORD_BYTES

        with pytest.raises(OSError, match="No space"):
            log.checkpoint(stored)
        assert log.size == 0
    log.append([THIRD])
    log.close()

    assert replayed(tmp_path) == ([THIRD], 0)


def raise_no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("lost", [1, RECORD_BYTES - 1])
def test_a_torn_end_is_set_aside_and_the_rest_comes_back(tmp_path: Path, lost: int) -> None:
    written(tmp_path, FIRST, SECOND)
    torn = segment(tmp_path)
    torn.write_bytes(torn.read_bytes()[:-lost])

    assert replayed(tmp_path) == ([FIRST], 1)
    assert [path.read_bytes() for path in (tmp_path / "damaged").iterdir()] == [SECOND.encode()[:-lost]]
    assert replayed(tmp_path) == ([FIRST], 0)


@pytest.mark.parametrize("byte", range(RECORD_BYTES))
def test_any_flipped_byte_is_noticed(tmp_path: Path, byte: int) -> None:
    written(tmp_path, FIRST)
    content = bytearray(segment(tmp_path).read_bytes())
    content[byte] ^= 0x80
    segment(tmp_path).write_bytes(content)

    assert replayed(tmp_path) == ([], 1)


def test_damage_in_one_segment_does_not_hide_the_next(tmp_path: Path) -> None:
    written(tmp_path, FIRST)
    segment(tmp_path).write_bytes(b"\xff" * 40)
    written(tmp_path, SECOND)

    assert replayed(tmp_path) == ([SECOND], 1)


@pytest.mark.parametrize("checkpoint", ["", "garbage", "1"])
def test_an_unreadable_checkpoint_means_reading_everything_again(tmp_path: Path, checkpoint: str) -> None:
    log = Log.open(tmp_path)
    log.checkpoint(log.append([FIRST])[-1])
    log.close()
    (tmp_path / "checkpoint").write_text(checkpoint)

    assert replayed(tmp_path) == ([FIRST], 0)


def test_positions_grow_across_restarts(tmp_path: Path) -> None:
    ends = [*written(tmp_path, FIRST, SECOND), *written(tmp_path, THIRD)]

    assert sorted(set(ends)) == ends
    assert [end.offset for end in ends] == [RECORD_BYTES, 2 * RECORD_BYTES, RECORD_BYTES]


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
    assert replayed(tmp_path) == ([large, FIRST], 0)
    assert log.size == 33 * 2**20 + 17 + RECORD_BYTES

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spanmeter_collector.record import MAGIC, Record, Stretch, count_spans, next_record, read_record

RECORD = Record(1_795_352_400_000, 2, b"a body", spans=3)
SEGMENT = 1_795_352_400_123_456_789


def stretch(path: Path, content: bytes, *, segment: int = SEGMENT) -> Stretch:
    path.write_bytes(content)
    return Stretch(os.open(path, os.O_RDONLY), segment, 0, len(content))


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    encoded = RECORD.encode(SEGMENT)

    assert len(encoded) == RECORD.size
    assert read_record(stretch(tmp_path / "log", encoded)) == (RECORD, len(encoded))


def test_a_record_is_none_in_another_segment(tmp_path: Path) -> None:
    assert read_record(stretch(tmp_path / "log", RECORD.encode(SEGMENT), segment=SEGMENT + 1)) is None


def test_a_record_inside_a_body_is_not_taken_for_one(tmp_path: Path) -> None:
    """Whoever sends it does not know the number of the segment."""
    carrier = Record(1, 1, b"\0" + RECORD.encode(7) + MAGIC, spans=1).encode(SEGMENT)
    torn = stretch(tmp_path / "log", carrier[:-1] + RECORD.encode(SEGMENT))

    assert next_record(torn) == len(carrier) - 1


@pytest.mark.parametrize("before", [2**20 - 30, 2**20 - 3, 2**20, 2**20 + 1])
def test_the_next_record_is_found_wherever_it_lies(tmp_path: Path, before: int) -> None:
    assert next_record(stretch(tmp_path / "log", b"\xd5" * before + RECORD.encode(SEGMENT))) == before


def test_without_a_next_record_the_stretch_ends(tmp_path: Path) -> None:
    assert next_record(stretch(tmp_path / "log", b"\xd5" * 100)) == 100


def test_spans_are_counted_up_to_the_first_damage(tmp_path: Path) -> None:
    encoded = RECORD.encode(SEGMENT)

    assert count_spans(stretch(tmp_path / "log", encoded * 3 + b"?" + encoded)) == (9, 1_795_352_400_000)
    assert count_spans(stretch(tmp_path / "log", b"?" + encoded)) == (0, 0)

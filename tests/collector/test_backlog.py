from __future__ import annotations

import pytest

from spanmeter_collector.backlog import Amount, Backlog, Limits
from spanmeter_collector.log import Position
from spanmeter_collector.record import Record

REQUEST = Record(1000, 1, bytes(71), spans=10)  # 100 bytes in the log
LIMITS = Limits(pending_spans=30, pending_bytes=1000, unsynced_bytes=200, free_bytes=500)


def test_it_counts_from_the_door_to_the_store() -> None:
    backlog = Backlog(LIMITS)
    backlog.take_in(REQUEST)
    backlog.take_in(REQUEST)
    assert (backlog.spans, backlog.size, backlog.synced) == (20, 0, Amount(0, 0))

    backlog.note_synced([REQUEST], Position(1, 100))
    backlog.give_up([REQUEST])
    assert (backlog.spans, backlog.size, backlog.synced) == (10, 100, Amount(10, 100))

    backlog.settle(Position(1, 99))
    assert backlog.spans == 10
    backlog.settle(Position(1, 100))
    assert (backlog.spans, backlog.size, backlog.age) == (0, 0, 0.0)


def test_what_is_stored_before_it_was_counted_is_not_counted() -> None:
    backlog = Backlog(LIMITS)
    backlog.take_in(REQUEST)
    backlog.settle(Position(1, 100))
    backlog.note_synced([REQUEST], Position(1, 100))

    assert (backlog.spans, backlog.size) == (0, 0)


def test_its_age_is_that_of_the_oldest() -> None:
    backlog = Backlog(LIMITS)
    backlog.wait(Position(1, 100), Amount(1, 100), for_s=60)
    backlog.wait(Position(2, 100), Amount(1, 100))

    assert 60 <= backlog.age < 70
    backlog.settle(Position(1, 100))
    assert 0 <= backlog.age < 10


@pytest.mark.parametrize(
    ("requests", "synced", "overload"),
    [
        (2, 1, ""),
        (3, 3, "30 spans wait for the store"),
        (2, 0, "200 bytes wait for the disk"),
    ],
)
def test_it_takes_no_more_than_its_limits(requests: int, synced: int, overload: str) -> None:
    backlog = Backlog(LIMITS)
    for number in range(requests):
        backlog.take_in(REQUEST)
        if number < synced:
            backlog.note_synced([REQUEST], Position(1, number + 1))

    assert backlog.overload == overload


def test_it_is_limited_in_bytes_too() -> None:
    backlog = Backlog(LIMITS)
    backlog.wait(Position(1, 1), Amount(1, 1000))

    assert backlog.overload == "1 spans wait for the store"


def test_the_disk_needs_room_to_store_what_waits() -> None:
    backlog = Backlog(LIMITS)
    backlog.wait(Position(1, 1), Amount(1, 600))

    assert backlog.disk_full(800) == ""
    assert backlog.disk_full(799) == "nearly full: 799 bytes are free, 800 are needed"


def test_limits_follow_the_size_of_the_log() -> None:
    assert Limits.of_megabytes(1024) == Limits()
    assert Limits.of_megabytes(1) == Limits(pending_spans=1024, pending_bytes=2**20)

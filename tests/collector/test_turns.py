from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from spanmeter_collector.turns import other_threads, stand_back, take_short_turns


@pytest.fixture(autouse=True)
def usual_turns() -> Iterator[None]:
    usual = sys.getswitchinterval()
    yield
    sys.setswitchinterval(usual)


def test_threads_take_turns_of_a_millisecond() -> None:
    sys.setswitchinterval(0.005)

    take_short_turns()

    assert sys.getswitchinterval() == pytest.approx(0.001)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a thread a priority of its own")
def test_a_thread_that_stands_back_lets_others_go_first_and_so_do_those_it_starts() -> None:
    usual, found = os.getpriority(os.PRIO_PROCESS, 0), []

    def note() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, 0) - usual)

    def work() -> None:
        stand_back(threading.get_native_id())
        note()
        started(note)

    def started(what: Callable[[], None]) -> int:
        thread = threading.Thread(target=what)
        thread.start()
        thread.join()
        return thread.native_id or 0

    ended = started(work)
    stand_back(ended)

    assert found == [5, 5]
    assert os.getpriority(os.PRIO_PROCESS, 0) == usual


def test_where_the_system_forbids_it_a_thread_stays_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*told: int) -> None:
        asked.append(told)
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", refuse)
    stand_back(threading.get_native_id())

    assert len(asked) == (sys.platform == "linux")


def test_the_other_threads_are_all_but_the_one_that_asks() -> None:
    told = threading.Event()
    thread = threading.Thread(target=told.wait, args=(60,))
    thread.start()

    others = other_threads()
    told.set()
    thread.join()

    assert thread.native_id in others or sys.platform != "linux"
    assert threading.get_native_id() not in others

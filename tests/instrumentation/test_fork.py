"""What a forked process begins again."""

from __future__ import annotations

import gc
import os

from spanmeter.fork import in_child


class Begun:
    def __init__(self, log: list[str], name: str) -> None:
        self.log = log
        self.name = name

    def again(self) -> None:
        self.log.append(self.name)


def in_a_child(log: list[str]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ",".join(log).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        return told.read()


def test_living_objects_begin_again_in_the_child_only_and_in_order() -> None:
    log: list[str] = []
    first, second = Begun(log, "first"), Begun(log, "second")
    in_child(first.again)
    in_child(second.again)

    assert in_a_child(log) == "first,second"
    assert log == []


def test_what_is_gone_is_not_kept_alive() -> None:
    log: list[str] = []
    gone = Begun(log, "gone")
    in_child(gone.again)
    del gone
    gc.collect()

    assert in_a_child(log) == ""

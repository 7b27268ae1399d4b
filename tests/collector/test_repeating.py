"""Work goes on beside a block, and ends with it."""

from __future__ import annotations

import threading

from spanmeter_collector.repeating import repeating


def test_work_is_told_of_the_end_and_waited_for() -> None:
    done: list[str] = []
    begun = threading.Event()

    def work(ended: threading.Event) -> None:
        begun.set()
        assert ended.wait(30)
        done.append(threading.current_thread().name)

    with repeating(work, name="beside"):
        assert begun.wait(30)
        assert done == []
    assert done == ["beside"]

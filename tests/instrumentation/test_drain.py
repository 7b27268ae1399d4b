"""The drain lives only while something waits, and stops when told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan

from spanmeter import drain, loss
from spanmeter.destination import Destination
from spanmeter.drain import Drain
from spanmeter.otlp import encode
from spanmeter.spool import Spool, SpoolSettings
from spanmeter.wire import Wire, pack


@pytest.fixture
def spool(sink: Any, tmp_path: Path) -> Spool:
    return Spool(SpoolSettings(tmp_path, 1024 * 1024), url=sink.url)


@pytest.fixture
def emptying(sink: Any, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> Drain:
    monkeypatch.setattr(drain, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(drain, "LONGEST_WAIT_S", 0.05)
    return Drain(spool, Wire(Destination.of("traces", sink.url)))


def put(spool: Spool, *names: str) -> None:
    for name in names:
        spool.put(pack(encode([ReadableSpan(name, resource=Resource({"a": 1}))])), spans=1)


def running() -> bool:
    return any(thread.name == "spanmeter-spool" for thread in threading.enumerate())


def within(seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)
    return done()


def test_with_nothing_to_send_there_is_no_thread(emptying: Drain) -> None:
    emptying.wake()

    assert not running()
    emptying.close(patience_s=1)


def test_its_thread_ends_when_all_is_sent_and_starts_again(sink: Any, spool: Spool, emptying: Drain) -> None:
    for name in ("a", "b"):
        put(spool, name)
        emptying.wake()
        assert within(5, lambda: not running())

    assert [span["name"] for span in sink.spans] == ["a", "b"]
    emptying.close(patience_s=1)


def test_a_sidecar_is_away_until_it_answers(sink: Any, spool: Spool, emptying: Drain) -> None:
    sink.go_away()
    put(spool, "a")
    emptying.wake(away=True)
    assert emptying.away
    sink.come_back()

    assert within(5, lambda: not emptying.away)
    emptying.close(patience_s=1)


def test_a_file_that_vanished_is_counted_and_the_others_are_sent(sink: Any, spool: Spool, emptying: Drain) -> None:
    loss.lost.clear()
    put(spool, "a", "b")
    oldest = spool.oldest()
    assert oldest is not None
    oldest.path.unlink()
    emptying.wake()

    assert within(5, lambda: [span["name"] for span in sink.spans] == ["b"])
    assert loss.lost == {loss.Reason.NO_SPOOL: 1}
    emptying.close(patience_s=1)


def test_closing_sends_what_can_be_sent_in_time_and_no_more(sink: Any, spool: Spool, emptying: Drain) -> None:
    put(spool, "a", "b")
    emptying.close(patience_s=1)
    put(spool, "c")
    emptying.wake()

    assert [span["name"] for span in sink.spans] == ["a", "b"]
    assert not running()
    spool.close()


def test_closing_does_not_wait_for_a_silent_sidecar(sink: Any, spool: Spool, emptying: Drain) -> None:
    sink.silent = True
    put(spool, "a")
    began = time.monotonic()
    emptying.close(patience_s=0.2)
    spool.close()

    assert time.monotonic() - began < 1


def test_a_forked_process_starts_without_a_thread(sink: Any, spool: Spool, emptying: Drain) -> None:
    sink.go_away()
    put(spool, "a")
    emptying.wake(away=True)
    first = emptying._thread
    emptying._stop.set()
    emptying.begin()
    sink.come_back()
    emptying.wake()

    assert not first or within(5, lambda: not first.is_alive())
    assert within(5, lambda: len(sink.spans) >= 1)
    emptying.close(patience_s=1)


def test_where_no_thread_can_start_what_waits_stays_on_disk(
    sink: Any, spool: Spool, emptying: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    put(spool, "a")
    with monkeypatch.context() as shutdown:
        shutdown.setattr(threading.Thread, "start", refuse)
        emptying.wake()
    assert (sink.spans, spool.spans) == ([], 1)
    emptying.wake()

    assert within(5, lambda: len(sink.spans) == 1)
    emptying.close(patience_s=1)

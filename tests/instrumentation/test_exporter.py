"""Whatever the sidecar does, spans arrive once, wait on disk, or are counted as lost, and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext

from spanmeter import barrier, drain, exporter, loss, spool
from spanmeter.destination import Destination
from spanmeter.exporter import Exporter
from spanmeter.spool import SpoolSettings
from spanmeter.tally import tally

MB = 1024 * 1024
SHOP = Resource({"service.name": "shop"})


def spans(first: int, last: int, **attributes: Any) -> list[ReadableSpan]:
    return [
        ReadableSpan(str(number), SpanContext(1, number, False), resource=SHOP, attributes=attributes)
        for number in range(first, last)
    ]


def names(sink: Any) -> list[int]:
    return [int(span["name"]) for span in sink.spans]


def within(seconds: float, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)
    return done()


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[int, int, int]]:
    """Tell what was exported, spooled and dropped in this test; short waits."""
    monkeypatch.setattr(drain, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(drain, "LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(drain, "PAUSE_S", 0.001)
    monkeypatch.setattr(exporter, "WAITS_S", (0.02, 0.02, 0.02))
    loss._said.clear()
    loss.lost.clear()
    before = (tally.exported_spans, tally.spooled_spans, tally.dropped_spans)
    return lambda: (
        tally.exported_spans - before[0],
        tally.spooled_spans - before[1],
        tally.dropped_spans - before[2],
    )


Counted = Callable[[], tuple[int, int, int]]


def started(sink: Any, path: Path | None, *, max_bytes: int = MB) -> Exporter:
    return Exporter(Destination.of("traces", sink.url), SpoolSettings(path, max_bytes))


def files(path: Path) -> list[Path]:
    return sorted(path.rglob("*.gz"))


def drains() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "spanmeter-spool"]


def test_spans_go_to_a_sidecar_that_is_there_and_leave_no_file_and_no_thread(
    sink: Any, tmp_path: Path, counted: Counted
) -> None:
    sending = started(sink, tmp_path)
    assert sending.export(spans(0, 5)) is SpanExportResult.SUCCESS

    assert names(sink) == list(range(5))
    assert drains() == []
    sending.shutdown()
    assert list(tmp_path.iterdir()) == []
    assert counted() == (5, 0, 0)


def test_what_waited_is_sent_oldest_first_when_the_sidecar_is_back(sink: Any, tmp_path: Path, counted: Counted) -> None:
    sink.go_away()
    sending = started(sink, tmp_path)
    for first in range(0, 50, 5):
        sending.export(spans(first, first + 5))
    assert len(files(tmp_path)) == 10
    assert counted() == (0, 50, 0)
    sink.come_back()

    assert within(5, lambda: len(sink.spans) == 50)
    assert names(sink) == list(range(50))
    assert within(5, lambda: drains() == [])
    assert files(tmp_path) == []
    sending.export(spans(50, 51))
    assert names(sink)[-1] == 50
    sending.shutdown()
    assert counted() == (51, 50, 0)


def test_new_spans_do_not_wait_behind_what_is_on_disk(
    sink: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "PAUSE_S", 0.3)
    sink.go_away()
    sending = started(sink, tmp_path)
    for number in range(5):
        sending.export(spans(number, number + 1))
    sink.come_back()
    assert within(5, lambda: len(sink.spans) == 1 and not sending._drain.away)
    sending.export(spans(99, 100))

    assert names(sink) == [0, 99]
    sending.shutdown()


def test_a_silent_sidecar_holds_up_one_batch_and_no_more(sink: Any, tmp_path: Path, counted: Counted) -> None:
    sink.silent = True
    sending = started(sink, tmp_path)
    sending._wire.timeout_s = sending._drain._wire.timeout_s = 0.2
    began = time.monotonic()
    for number in range(50):
        sending.export(spans(number, number + 1))
    took = time.monotonic() - began

    assert took < 2
    assert counted() == (0, 50, 0)
    sink.silent = False
    sink.speak.set()
    assert within(5, lambda: len(sink.spans) == 50)
    sending.shutdown()


def test_a_busy_sidecar_gets_the_spans_later(sink: Any, tmp_path: Path, counted: Counted) -> None:
    sink.fail_next = [429, 503, 500]
    sending = started(sink, tmp_path)
    sending.export(spans(0, 5))

    assert within(5, lambda: len(sink.spans) == 5)
    assert within(5, lambda: counted() == (5, 5, 0))
    sending.shutdown()


def test_refused_spans_are_not_kept_but_counted_and_said_once(
    sink: Any, tmp_path: Path, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    sink.fail_next = [400, 413]
    sending = started(sink, tmp_path)
    sending.export(spans(0, 5))
    sending.export(spans(5, 7))
    sending.shutdown()

    assert counted() == (0, 0, 7)
    assert loss.lost == {loss.Reason.REFUSED: 7}
    assert files(tmp_path) == []
    said = [record.getMessage() for record in caplog.records if record.name == "spanmeter"]
    assert len(said) == 1
    assert "dropped so far because the sidecar refused them: 413" in said[0]


def test_a_body_the_sidecar_always_fails_over_does_not_block_the_others(
    sink: Any, tmp_path: Path, counted: Counted
) -> None:
    sink.poison = "0"
    sending = started(sink, tmp_path)
    sending.export(spans(0, 5))
    assert within(5, lambda: sending._drain._failures != {})
    sending.export(spans(5, 6))

    assert within(5, lambda: counted() == (1, 5, 5))
    assert names(sink) == [5]
    assert within(5, lambda: drains() == [])
    sending.shutdown()


def test_a_sidecar_that_fails_over_everything_gets_all_when_it_is_well(
    sink: Any, tmp_path: Path, counted: Counted
) -> None:
    sink.fail_next = [500] * 5 * drain.MAX_FAILURES
    sending = started(sink, tmp_path)
    for number in range(4):
        sending.export(spans(number, number + 1))

    assert within(10, lambda: sorted(names(sink)) == list(range(4)))
    assert within(5, lambda: drains() == [])
    assert counted() == (4, 4, 0)
    sending.shutdown()


@pytest.mark.parametrize("status", [401, 403, 404, 302])
def test_who_is_barred_keeps_the_spans_and_is_told_once_what_to_do(
    sink: Any, tmp_path: Path, counted: Counted, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    sink.fail_next = [status] * 4
    sending = started(sink, tmp_path)
    for number in range(3):
        sending.export(spans(number, number + 1))

    assert within(5, lambda: names(sink) == list(range(3)))
    assert within(5, lambda: drains() == [])
    assert counted() == (3, 3, 0)
    sending.shutdown()
    said = [line for line in caplog.messages if " refuses spans " in line]
    assert len(said) == 1
    assert said[0].startswith(f"{sink.url}/v1/traces refuses spans ({status} ")
    assert said[0].endswith(f". They wait on disk in {sending._spool.home} until it takes them")


def test_who_is_barred_asks_again_at_long_intervals(
    sink: Any, tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "LONGEST_BARRED_WAIT_S", 0.1)
    sink.fail_next = [401] * 1_000
    sending = started(sink, tmp_path)
    for number in range(50):
        sending.export(spans(number, number + 1))
    time.sleep(0.5)

    assert 1_000 - len(sink.fail_next) < 10
    assert counted() == (0, 50, 0)
    sending.shutdown()
    assert len(files(tmp_path)) == 50


def test_who_is_barred_leaves_what_others_left_to_others(sink: Any, tmp_path: Path) -> None:
    sink.go_away()
    first = started(sink, tmp_path)
    first.export(spans(0, 5))
    first.shutdown()
    sink.come_back()
    sink.fail_next = [401]
    barred = started(sink, tmp_path)
    assert within(5, lambda: sink.fail_next == [] and drains() == [])
    entitled = started(sink, tmp_path)

    assert within(5, lambda: names(sink) == list(range(5)))
    assert within(5, lambda: files(tmp_path) == [])
    barred.shutdown()
    entitled.shutdown()


def test_who_is_barred_without_a_spool_does_not_insist(sink: Any, counted: Counted) -> None:
    sink.fail_next = [401] * 9
    sending = started(sink, None)
    sending.export(spans(0, 5))
    sending.shutdown()

    assert (counted(), len(sink.fail_next)) == ((0, 0, 5), 8)


def test_what_was_meant_for_a_sidecar_nobody_uses_any_more_is_deleted_in_the_end(
    sink: Any, tmp_path: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.go_away()
    elsewhere = Exporter(Destination.of("traces", sink.url + "/old"), SpoolSettings(tmp_path, MB))
    elsewhere.export(spans(0, 5))
    elsewhere.shutdown()
    sink.come_back()
    started(sink, tmp_path).shutdown()
    assert len(files(tmp_path)) == 1
    monkeypatch.setattr(spool, "MAX_AGE_S", 0.0)
    started(sink, tmp_path).shutdown()

    assert list(tmp_path.iterdir()) == []
    assert (counted(), loss.lost) == ((0, 5, 5), {loss.Reason.TOO_OLD: 5})


def test_what_a_full_spool_has_no_room_for_is_counted(sink: Any, tmp_path: Path, counted: Counted) -> None:
    sink.go_away()
    sending = started(sink, tmp_path, max_bytes=400)
    for number in range(0, 100, 10):
        sending.export(spans(number, number + 10))
    _, kept, dropped = counted()
    assert 0 < kept < 100
    assert kept + dropped == 100
    sink.come_back()

    assert within(5, lambda: len(sink.spans) == kept)
    assert names(sink) == list(range(kept))
    sending.shutdown()


@pytest.mark.parametrize("reason", ["switched off", "no home", "Not a directory"])
def test_without_a_spool_a_batch_is_tried_for_some_time(
    sink: Any, tmp_path: Path, counted: Counted, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    settings = {
        "switched off": SpoolSettings(tmp_path, 0),
        "no home": SpoolSettings(None, MB),
        "Not a directory": SpoolSettings(tmp_path / "file", MB),
    }
    sending = Exporter(Destination.of("traces", sink.url), settings[reason])
    sink.fail_next = [503, 503]
    sending.export(spans(0, 5))
    assert names(sink) == list(range(5))
    sink.go_away()
    sending.export(spans(5, 8))
    sending.shutdown()
    sink.come_back()

    assert counted() == (5, 0, 3)
    (said,) = [line for line in caplog.messages if "dropped" in line]
    assert said.startswith("3 spans dropped so far because there is no spool: ")
    assert reason in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_what_a_process_left_is_sent_by_the_next_one(sink: Any, tmp_path: Path, counted: Counted) -> None:
    sink.go_away()
    first = started(sink, tmp_path)
    first.export(spans(0, 5))
    first.shutdown()
    assert len(files(tmp_path)) == 1
    sink.come_back()
    second = started(sink, tmp_path)

    assert within(5, lambda: names(sink) == list(range(5)))
    second.shutdown()
    assert files(tmp_path) == []
    assert counted() == (0, 5, 0)


def test_a_living_process_finds_later_what_a_sibling_left(
    sink: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "LOOK_EVERY_S", 0.0)
    living, dying = started(sink, tmp_path), started(sink, tmp_path)
    sink.go_away()
    dying.export(spans(0, 5))
    dying.shutdown()
    sink.come_back()
    living.export(spans(5, 6))

    assert within(5, lambda: sorted(names(sink)) == list(range(6)))
    living.shutdown()


def test_a_sidecar_that_comes_back_while_the_process_exits_gets_all(
    sink: Any, tmp_path: Path, counted: Counted
) -> None:
    sink.fail_next = [503, 503, 503]
    sending = started(sink, tmp_path)
    sending.hurry()
    for number in range(10):
        sending.export(spans(number, number + 1))
    sending.shutdown()

    assert names(sink) == list(range(10))
    assert counted() == (10, 10, 0)
    assert files(tmp_path) == []


def test_leaving_without_a_sidecar_takes_no_time(sink: Any, tmp_path: Path) -> None:
    sink.go_away()
    sending = started(sink, tmp_path)
    began = time.monotonic()
    sending.hurry()
    sending.export(spans(0, 500))
    sending.shutdown()
    took = time.monotonic() - began
    sink.come_back()

    assert took < 0.5
    assert len(files(tmp_path)) == 1


def test_leaving_a_silent_sidecar_without_a_spool_takes_seconds(sink: Any, counted: Counted) -> None:
    sink.silent = True
    sending = started(sink, None)
    sending._wire.timeout_s = 0.4
    began = time.monotonic()
    sending.hurry()
    for number in range(20):
        sending.export(spans(number, number + 1))
    sending.shutdown()

    assert time.monotonic() - began < 4
    assert counted() == (0, 0, 20)


def test_large_batches_are_sent_in_parts(sink: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "MAX_BODY_BYTES", 1_000)
    sending = started(sink, tmp_path)
    sending.export(spans(0, 9, text="x" * 300))
    sending.shutdown()

    assert names(sink) == list(range(9))
    assert len(sink.headers) > 3


def test_rejected_spans_are_not_counted_as_exported(sink: Any, tmp_path: Path, counted: Counted) -> None:
    sink.answer = bytes.fromhex("0a020802")  # a partial success: 2 rejected
    sending = started(sink, tmp_path)
    sending.export(spans(0, 5))
    sending.shutdown()

    assert counted() == (3, 0, 2)


def test_a_fault_of_ours_is_counted_and_costs_the_host_nothing(sink: Any, tmp_path: Path, counted: Counted) -> None:
    barrier.raise_faults(on=False)
    sending = started(sink, tmp_path)
    broken: Any = [None, None]
    sending.export(broken)
    sending.shutdown()

    assert counted() == (0, 0, 2)
    assert loss.lost == {loss.Reason.FAULT: 2}

"""What an earlier run left in the log, whole and damaged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import httpx
from victim import USD_A_CALL, Sidecar, body_of, wait_until

from spanmeter_collector.log import Log, Position
from spanmeter_collector.otlp import Signal
from spanmeter_collector.record import Record

SPANS = 500


def leave(directory: Path, requests: int) -> list[Position]:
    """A log as a run leaves it that was killed before it stored anything."""
    log = Log.open(directory)
    bodies = (body_of(number * SPANS, SPANS) for number in range(requests))
    ends = log.append([Record(1_795_352_400_000, Signal.TRACES, body, spans=SPANS) for body in bodies])
    log.close()
    return ends


def test_it_serves_while_it_stores_what_an_earlier_run_left(start: Callable[..., Sidecar], tmp_path: Path) -> None:
    leave(tmp_path / "data" / "log", 60)

    sidecar = start()
    assert sidecar.metric("pending_spans") > 0
    assert sidecar.metric("log_lag_seconds") > 3600
    assert sidecar.get("/ready")["ready"]
    assert sidecar.post(body_of(60 * SPANS, SPANS)).status_code == 200

    sidecar.settle()
    assert sidecar.billed() == (61 * SPANS, 61 * SPANS * USD_A_CALL)
    assert (sidecar.metric("log_bytes"), sidecar.metric("log_lag_seconds")) == (0, 0)


def test_damage_in_the_middle_and_at_the_end_costs_what_is_damaged(
    start: Callable[..., Sidecar], tmp_path: Path
) -> None:
    log = tmp_path / "data" / "log"
    ends = leave(log, 10)
    (segment,) = log.glob("*.log")
    with segment.open("r+b") as file:
        file.seek(ends[3].offset + 1000)
        file.write(bytes(4096))
        file.truncate(ends[-1].offset - 1)

    sidecar = start()
    sidecar.settle()
    assert sidecar.billed() == (8 * SPANS, 8 * SPANS * USD_A_CALL)
    assert sidecar.metric('refused_requests_total{reason="damaged_log"}') == 2
    assert sidecar.get("/ready")["ready"]
    kept = sorted((log / "damaged").iterdir(), key=lambda path: int(path.name.partition("-")[2]))
    assert [path.stat().st_size for path in kept] == [
        ends[4].offset - ends[3].offset,
        ends[9].offset - ends[8].offset - 1,
    ]

    sidecar.stop()
    again = start()
    assert again.metric('refused_requests_total{reason="damaged_log"}') == 0
    assert again.billed() == (8 * SPANS, 8 * SPANS * USD_A_CALL)


def test_a_signal_under_load_ends_it_in_time_and_loses_nothing(start: Callable[..., Sidecar]) -> None:
    sidecar, acknowledged = start(), [0]

    def send() -> None:
        for number in range(1000):
            try:
                if sidecar.post(body_of(number * SPANS, SPANS)).status_code == 200:
                    acknowledged[0] += 1
            except httpx.TransportError:
                return

    sender = threading.Thread(target=send)
    sender.start()
    wait_until(lambda: acknowledged[0] >= 30)
    assert sidecar.stop() == 0
    sender.join()

    again = start()
    again.settle()
    calls, usd = again.billed()
    assert acknowledged[0] * SPANS <= calls <= (acknowledged[0] + 1) * SPANS
    assert usd == calls * USD_A_CALL

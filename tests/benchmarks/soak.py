"""What the sidecar sustains on one core for minutes, merges included: stored spans a second, minute by minute."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from flow import CALLS, SPANS, USD_A_CALL, Sidecar, about, bodies, sidecar

SENDERS: Final = 4
FULL: Final = 200_000  # pending spans beyond which the senders wait: the store is what is measured
HEAD: Final = "| until (s) | stored/s | CPU us/span | core busy | RSS MB | peak MB | log lag s | parts |"


@dataclass(frozen=True, slots=True)
class Reading:
    """The sidecar at one moment."""

    at: float
    stored: float
    cpu_s: float

    @classmethod
    def of(cls, running: Sidecar) -> Reading:
        """Now."""
        return cls(time.monotonic(), running.metric("stored_spans_total"), running.cpu_s())


class Senders:
    """Keep the sidecar busy until told to stop."""

    def __init__(self, running: Sidecar) -> None:
        self.accepted = 0
        self._running = running
        self._bodies = bodies()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._executor = ThreadPoolExecutor(SENDERS + 1)
        self._room = threading.Event()
        self._jobs = [self._executor.submit(self._send) for _ in range(SENDERS)]
        self._jobs.append(self._executor.submit(self._watch))

    def stop(self) -> None:
        """Send no more."""
        self._ended.set()
        self._room.set()
        for job in self._jobs:
            job.result()

    def _watch(self) -> None:
        while not self._ended.wait(1):
            (self._room.set if self._running.metric("pending_spans") < FULL else self._room.clear)()

    def _send(self) -> None:
        with httpx.Client(timeout=60, headers={"content-type": "application/x-protobuf"}) as client:
            while self._room.wait() and not self._ended.is_set():
                with self._lock:
                    body = next(self._bodies)
                while client.post(f"{self._running.url}/v1/traces", content=body).status_code != 200:
                    time.sleep(0.1)
                with self._lock:
                    self.accepted += 1


def measure(running: Sidecar, directory: Path, *, minutes: float, every_s: float) -> Iterator[str]:
    """One line of the table for every stretch of time."""
    senders = Senders(running)
    began = last = Reading.of(running)
    while last.at - began.at < minutes * 60:
        time.sleep(min(every_s, max(began.at + minutes * 60 - last.at, 1)))
        now = Reading.of(running)
        yield _line(running, directory, last, now, began.at)
        last = now
    senders.stop()
    while running.metric("pending_spans"):
        time.sleep(0.5)
    yield _line(running, directory, began, Reading.of(running), began.at) + " the whole, to the last span"
    _check(running, senders.accepted)


def _line(running: Sidecar, directory: Path, last: Reading, now: Reading, began: float) -> str:
    spans, seconds, cpu_s = now.stored - last.stored, now.at - last.at, now.cpu_s - last.cpu_s
    parts = sum(1 for _ in directory.rglob("columns.txt"))
    return (
        f"| {now.at - began:.0f} | {spans / seconds:,.0f} | {cpu_s / max(spans, 1) * 1e6:.0f} | {cpu_s / seconds:.0%} "
        f"| {running.memory_mb('VmRSS'):.0f} | {running.memory_mb('VmHWM'):.0f} "
        f"| {running.metric('log_lag_seconds'):.1f} | {parts} |"
    )


def _check(running: Sidecar, accepted: int) -> None:
    total = running.total("1d")
    if (total["calls"], total["cost_usd"]) != (accepted * CALLS, str((accepted * CALLS * USD_A_CALL).normalize())):
        raise SystemExit(f"the ledger holds {total}, expected {accepted * CALLS} calls at ${USD_A_CALL}")


def main() -> None:
    """Run for some minutes and print the table as it grows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5, help="how long (%(default)s)")
    parser.add_argument("--every", type=float, default=60, help="seconds a line (%(default)s)")
    arguments = parser.parse_args()
    sys.stdout.write(f"{about('make bench-soak')}{SPANS} spans a request, {SENDERS} senders\n\n{HEAD}\n|")
    sys.stdout.write("---:|" * 8 + "\n")
    with tempfile.TemporaryDirectory(prefix="spanmeter-soak-") as directory, sidecar(Path(directory)) as running:
        for line in measure(running, Path(directory), minutes=arguments.minutes, every_s=arguments.every):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

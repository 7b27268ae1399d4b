"""How long the sidecar takes to start: with nothing, with a store, and with a log that nothing was stored of."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from flow import CALLS, SPANS, USD_A_CALL, about, bodies, sidecar

from spanmeter_collector.log import Log
from spanmeter_collector.otlp import Signal
from spanmeter_collector.record import Record

GROUP: Final = 16
HEAD: Final = "| | ready (s) | stored (s) | spans/s | CPU us/span | peak MB |\n|---|---:|---:|---:|---:|---:|"


def empty(directory: Path) -> str:
    """Start to ready, and the memory it takes."""
    with sidecar(directory) as running:
        return f"| nothing | {running.ready_s:.2f} | | | | {running.memory_mb('VmHWM'):.0f} |"


def full(directory: Path, *, store: Path) -> str:
    """The same on a copy of a data directory."""
    shutil.copytree(store, directory, symlinks=True, dirs_exist_ok=True)
    size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    with sidecar(directory) as running:
        memory = running.memory_mb("VmHWM")
        return f"| {store.name}, {size / 1e9:.1f} GB | {running.ready_s:.2f} | | | | {memory:.0f} |"


def replay(directory: Path, *, spans: int) -> str:
    """Start to ready, and until everything that an earlier run left in the log is stored."""
    requests = spans // SPANS
    leave(directory / "log", requests)
    with sidecar(directory) as running:
        began = time.monotonic()
        while running.metric("pending_spans"):
            time.sleep(0.5)
        stored_s, cpu_s = running.ready_s + time.monotonic() - began, running.cpu_s()
        total = running.total("1d")
        if (total["calls"], total["cost_usd"]) != (requests * CALLS, str((requests * CALLS * USD_A_CALL).normalize())):
            raise SystemExit(f"the ledger holds {total}, expected {requests * CALLS} calls at ${USD_A_CALL}")
        return (
            f"| a log of {requests * SPANS:,} spans | {running.ready_s:.2f} | {stored_s:.1f} "
            f"| {requests * SPANS / stored_s:,.0f} | {cpu_s / requests / SPANS * 1e6:.0f} "
            f"| {running.memory_mb('VmHWM'):.0f} |"
        )


def leave(directory: Path, requests: int) -> None:
    """A log as a run leaves it that was killed before it stored anything."""
    log = Log.open(directory)
    flow = islice(bodies(since_ns=time.time_ns() - 3_600_000_000_000), requests)
    while group := [Record(time.time_ns() // 1_000_000, Signal.TRACES, body, SPANS) for body in islice(flow, GROUP)]:
        log.append(group)
    log.close()


def main() -> None:
    """Measure each and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000, help="how many are in the log (%(default)s)")
    parser.add_argument("--store", type=Path, help="a data directory to start with as well, of which a copy is used")
    arguments = parser.parse_args()
    sys.stdout.write(f"{about('make bench-start')}\n{HEAD}\n")
    kinds: list[Callable[[Path], str]] = [
        empty,
        empty,
        empty,
        lambda directory: replay(directory, spans=arguments.spans),
    ]
    if arguments.store:
        kinds.append(lambda directory: full(directory, store=arguments.store))
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="spanmeter-start-") as directory:
            sys.stdout.write(kind(Path(directory)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

"""How fast the sidecar acknowledges what is safely on its disk, as much as it can and at a steady pace, and answers it.

The sidecar has one core to itself, the senders another; it prices and stores beside, as it always does. Bodies are
encoded before, and the senders only write and read sockets, so that they are not what is measured. On a machine that
has other work, spans a CPU second are the figure to compare: a core that is not shared gives one a second.
"""

from __future__ import annotations

import argparse
import os
import platform
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
from collector import NANOSECONDS, SPANS, request, sidecar  # noqa: TID251  the benchmark beside, not the folder
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SENDERS: Final = 4
PACED_SPANS: Final = 50
HEAD: Final = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
REFUSED: Final = 503
POLL_S: Final = 0.05


class Wire:
    """A connection that is kept; as little work a request as Python allows."""

    def __init__(self, url: str) -> None:
        self._socket = socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, message: bytes) -> int:
        """Send a request with its head and wait for the status of its answer, which is a short one."""
        self._socket.sendall(message)
        answer = self._socket.recv(65536)
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(65536)
        return int(answer[9:12])

    def close(self) -> None:
        self._socket.close()


@dataclass(frozen=True, slots=True)
class Burst:
    """As many requests as the sidecar takes before it says that too much is pending."""

    spans: int
    wall_s: float
    cpu_s: float
    door_cpu_s: float


@dataclass(frozen=True, slots=True)
class Paced:
    """Milliseconds from when a request was due to its answer, in order of size."""

    latencies: Sequence[float]
    cpu_share: float

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests stayed within."""
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


def message(body: bytes) -> bytes:
    """A body as it goes over the wire."""
    return f"{HEAD}content-length: {len(body)}\r\n\r\n".encode() + body


def burst(url: str, pid: int, messages: Sequence[bytes]) -> Burst:
    """Send on several connections, until one is told to come again or there is nothing left."""
    cpu_s, door_s, began = cpu(pid), cpu(pid, thread=pid), time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as executor:
        sent = sum(executor.map(lambda index: _send(url, messages[index::SENDERS]), range(SENDERS)))
    wall_s = time.perf_counter() - began
    return Burst(sent * SPANS, wall_s, cpu(pid) - cpu_s, cpu(pid, thread=pid) - door_s)


def _send(url: str, messages: Sequence[bytes]) -> int:
    with closing(Wire(url)) as wire:
        for sent, one in enumerate(messages):
            if (status := wire.post(one)) == REFUSED:
                return sent
            if status != 200:
                raise SystemExit(f"the sidecar answers {status}")
    return len(messages)


def paced(url: str, pid: int, messages: Sequence[bytes], *, spans_per_s: int) -> Paced:
    """Send a request whenever one is due, and measure from then on: a late answer makes the next one late too."""
    latencies, cpu_s, began = [], cpu(pid), time.perf_counter()
    with closing(Wire(url)) as wire:
        for number, one in enumerate(messages):
            due = began + number * PACED_SPANS / spans_per_s
            time.sleep(max(due - time.perf_counter(), 0))
            if (status := wire.post(one)) != 200:
                raise SystemExit(f"the sidecar answers {status}")
            latencies.append((time.perf_counter() - due) * 1000)
    return Paced(sorted(latencies), (cpu(pid) - cpu_s) / (time.perf_counter() - began))


def visible(url: str, messages: Sequence[bytes], *, spans_per_s: int, samples: int) -> list[float]:
    """Seconds from the acknowledgement of a span until the API answers with it, in order of size, at a steady pace."""
    ended, waits = threading.Event(), []
    with (
        ThreadPoolExecutor(1) as executor,
        closing(Wire(url)) as wire,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        beside = executor.submit(_keep_pace, url, messages, spans_per_s, ended)
        for _ in range(samples):
            trace_id = os.urandom(16)
            wire.post(message(_one_span(trace_id)))
            began = time.perf_counter()
            while client.get(f"/api/v1/traces/{trace_id.hex()}").status_code != 200:
                time.sleep(POLL_S)
            waits.append(time.perf_counter() - began)
        ended.set()
        beside.result()
    return sorted(waits)


def _keep_pace(url: str, messages: Sequence[bytes], spans_per_s: int, ended: threading.Event) -> None:
    with closing(Wire(url)) as wire:
        for one in cycle(messages):
            if ended.wait(PACED_SPANS / spans_per_s):
                return
            wire.post(one)


def _one_span(trace_id: bytes) -> bytes:
    now = time.time_ns()
    span = Span(trace_id=trace_id, span_id=trace_id[:8], name="seen", start_time_unix_nano=now, end_time_unix_nano=now)
    sent = ExportTraceServiceRequest()
    sent.resource_spans.add().scope_spans.add(spans=[span])
    return sent.SerializeToString()


def cpu(pid: int, *, thread: int | None = None) -> float:
    """Seconds of CPU that a process has had, or one thread of it."""
    path = Path(f"/proc/{pid}/task/{thread}/schedstat") if thread else Path(f"/proc/{pid}/stat")
    text = path.read_text(encoding="utf-8")
    if thread:
        return int(text.split()[0]) / 1e9
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def small(bodies: Sequence[bytes]) -> Iterator[bytes]:
    """The same spans in requests of 50."""
    for body in bodies:
        whole = ExportTraceServiceRequest.FromString(body).resource_spans[0]
        spans = whole.scope_spans[0].spans
        for start in range(0, SPANS - PACED_SPANS, PACED_SPANS):
            one = ExportTraceServiceRequest()
            kept = one.resource_spans.add(resource=whole.resource)
            kept.scope_spans.add(scope=whole.scope_spans[0].scope, spans=spans[start : start + PACED_SPANS])
            yield one.SerializeToString()


@contextmanager
def _started() -> Iterator[tuple[str, int]]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    with (
        tempfile.TemporaryDirectory(prefix="spanmeter-bench-") as directory,
        sidecar(Path(directory), core=cores[0]) as (process, url),
    ):
        yield url, process.pid
    os.sched_setaffinity(0, cores)


def _about() -> str:
    model = next(
        line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("spanmeter", "protobuf", "uvicorn", "uvloop"))
    return (
        f"{model.partition(': ')[2]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {packages}\n"
        f"20 attributes a span, OTLP/HTTP protobuf; every request is synced to disk before it is acknowledged, and is "
        f"priced and stored beside\nmake bench-acknowledge  ({Path(sys.executable).name} {' '.join(sys.argv)})\n"
    )


def _burst_table(runs: Sequence[Burst]) -> str:
    head = f"| {SENDERS} senders, {SPANS} spans a request | spans | /s | of a core | /CPU s | door CPU us/span |"
    rows = [
        f"| run {number} | {run.spans:,} | {run.spans / run.wall_s:,.0f} | {run.cpu_s / run.wall_s:.0%} "
        f"| {run.spans / run.cpu_s:,.0f} | {run.door_cpu_s / run.spans * 1e6:.1f} |"
        for number, run in enumerate(runs, 1)
    ]
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *rows])


def _paced_table(runs: Sequence[Paced], spans_per_s: int) -> str:
    head = f"| {spans_per_s:,} spans/s, {PACED_SPANS} a request | requests | p50 ms | p99 ms | most ms | of a core |"
    rows = [
        f"| run {number} | {len(run.latencies):,} | {run.percentile(0.5):.1f} | {run.percentile(0.99):.1f} "
        f"| {run.latencies[-1]:.1f} | {run.cpu_share:.0%} |"
        for number, run in enumerate(runs, 1)
    ]
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *rows])


def _visible_table(waits: Sequence[float], spans_per_s: int) -> str:
    head = f"| acknowledged until answered, at {spans_per_s:,} spans/s | spans | p50 s | most s |"
    return f"{head}\n|---|---:|---:|---:|\n| | {len(waits)} | {waits[len(waits) // 2]:.2f} | {waits[-1]:.2f} |"


def main() -> None:
    """Run as often as asked and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="of a burst, at most (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="of the steady pace (%(default)s)")
    parser.add_argument("--spans-per-s", type=int, default=2_000, help="of the steady pace (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="each with a new store (%(default)s)")
    parser.add_argument("--seen", type=int, default=20, help="spans that are waited for in the API (%(default)s)")
    arguments = parser.parse_args()
    start_ns = time.time_ns() - 3600 * NANOSECONDS
    bodies = [request(number, start_ns=start_ns, calls_of=4) for number in range(arguments.requests)]
    steady = [message(body) for body in small(bodies)][: arguments.seconds * arguments.spans_per_s // PACED_SPANS]
    bursts, paces = [], []
    for _ in range(arguments.runs):
        with _started() as (url, pid):
            bursts.append(burst(url, pid, [message(body) for body in bodies]))
        with _started() as (url, pid):
            paces.append(paced(url, pid, steady, spans_per_s=arguments.spans_per_s))
    with _started() as (url, _):
        waits = visible(url, steady, spans_per_s=arguments.spans_per_s, samples=arguments.seen)
    tables = (
        _burst_table(bursts),
        _paced_table(paces, arguments.spans_per_s),
        _visible_table(waits, arguments.spans_per_s),
    )
    sys.stdout.write("\n\n".join((_about(), *tables)) + "\n")


if __name__ == "__main__":
    main()

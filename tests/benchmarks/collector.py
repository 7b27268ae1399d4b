"""How many spans a second one core takes in, prices and stores, from OTLP/HTTP to a query's answer.

The sidecar has one core to itself, the sender another. A table goes to standard output; CPU seconds are the
figure to compare on a machine that has other work. The ledger is checked at the end: a fast wrong sum is no result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from itertools import count, cycle
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS: Final = 512
SENDERS: Final = 4
NANOSECONDS: Final = 1_000_000_000
COST_OF_A_CALL: Final = Decimal("0.000195")  # gpt-4o-mini: 800 fresh and 200 cached tokens in, 100 out
PEOPLE: Final = {
    "user.id": "user-{trace}",
    "gen_ai.conversation.id": "session-{trace}",
    "spanmeter.tenant": "acme",
    "spanmeter.feature": "search",
    "spanmeter.team": "core",
    "spanmeter.tag.branch": "main",
    "spanmeter.framework": "langchain",
}
CALL: Final = PEOPLE | {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-{number}",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 500,
    "gen_ai.response.time_to_first_chunk": 0.31,
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 200,
    "server.address": "api.openai.com",
    "server.port": 443,
}
STEP: Final = PEOPLE | {
    "spanmeter.operation": "chain",
    **{f"app.step.{name}": f"{name} {{number}}" for name in ("index", "input", "output", "kind", "branch", "node")},
    **{f"app.count.{name}": number for number, name in enumerate(("a", "b", "c", "d", "e", "f"))},
}
TRACE: Final = 8
IDS: Final = Random(1)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took; memory and disk are the sidecar's at the end."""

    spans: int
    accepted_s: float
    stored_s: float
    cpu_s: float
    memory_mb: float
    bytes_per_span: float


def request(number: int, *, start_ns: int, calls_of: int) -> bytes:
    """A request of 512 spans with 20 attributes each, one of `calls_of` a call, in 64 traces of 64 users."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(_attributes({"service.name": "bench", "service.instance.id": "1"}, 0))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "spanmeter.langchain"
    first, kinds = 1 + number * SPANS, (*([STEP] * (calls_of - 1)), CALL)
    for index, known in zip(range(SPANS), cycle(kinds), strict=False):
        span = _span(first + index, known, start_ns=start_ns)
        before = scope_spans.spans[-1] if index % TRACE else span
        span.trace_id, span.parent_span_id = before.trace_id, before.span_id if index % TRACE else b""
        scope_spans.spans.append(span)
    return message.SerializeToString()


def _span(number: int, known: dict[str, Any], *, start_ns: int) -> Span:
    started = start_ns + number * 1_000_000
    return Span(
        trace_id=IDS.randbytes(16),
        span_id=IDS.randbytes(8),
        name="chat gpt-4o-mini" if known is CALL else "step",
        start_time_unix_nano=started,
        end_time_unix_nano=started + 700_000_000,
        attributes=_attributes(known, number),
    )


def _attributes(known: dict[str, Any], number: int) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(said, number)) for key, said in known.items()]


def _value(said: Any, number: int) -> AnyValue:  # text, whole number or float
    if isinstance(said, str):
        return AnyValue(string_value=said.format(number=number, trace=number // TRACE))
    return AnyValue(int_value=said) if isinstance(said, int) else AnyValue(double_value=said)


@contextmanager
def sidecar(data_dir: Path, *, core: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sidecar pinned to one core, and its address."""
    variables = {"LISTEN": "127.0.0.1:0", "GRPC_LISTEN": "127.0.0.1:0", "DATA_DIR": str(data_dir)}
    environ = {"PATH": os.environ["PATH"]} | {f"SPANMETER_{name}": text for name, text in variables.items()}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        os.sched_setaffinity(process.pid, {core})
        assert process.stderr is not None
        ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
        threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would hold the sidecar up
        try:
            yield process, f"http://{ready['http']}"
        finally:
            process.terminate()


def send(url: str, bodies: Sequence[bytes]) -> None:
    """POST the bodies one after another; what is refused for now is sent again."""
    with httpx.Client(timeout=60) as client:
        for body in bodies:
            while True:
                answer = client.post(
                    f"{url}/v1/traces", content=body, headers={"content-type": "application/x-protobuf"}
                )
                if answer.status_code != 503:
                    answer.raise_for_status()
                    break
                time.sleep(0.05)


def run(bodies: Sequence[bytes], *, directory: Path, calls_of: int) -> Figures:
    """Send all bodies to a new sidecar and wait until a query sees the last span."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    with sidecar(directory, core=cores[0]) as (process, url):
        send(url, [b""])
        cpu_s, began = _cpu_s(process.pid), time.monotonic()
        with ThreadPoolExecutor(SENDERS) as executor:
            list(executor.map(lambda index: send(url, bodies[index::SENDERS]), range(SENDERS)))
        accepted_s = time.monotonic() - began
        while _pending(url):
            time.sleep(0.2)  # the answer itself takes the core some 10 ms
        stored_s, cpu_s = time.monotonic() - began, _cpu_s(process.pid) - cpu_s
        _check_ledger(url, calls=len(bodies) * (SPANS // calls_of))
        memory_mb = _status(process.pid, "VmHWM") / 1024
    spans = len(bodies) * SPANS
    size = sum(file.stat().st_size for file in (directory / "store").rglob("*") if file.is_file())
    return Figures(spans, accepted_s, stored_s, cpu_s, memory_mb, size / spans)


def _pending(url: str) -> float:
    lines = httpx.get(f"{url}/metrics", timeout=60).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("spanmeter_collector_pending_spans "))


def _check_ledger(url: str, *, calls: int) -> None:
    total = httpx.get(f"{url}/api/v1/cost?since=1d", timeout=60).json()["total"]
    found, expected = (total["calls"], Decimal(total["cost_usd"])), (calls, calls * COST_OF_A_CALL)
    if found != expected:
        raise SystemExit(f"the ledger holds {found} calls and dollars, expected {expected}")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _table(runs: Sequence[Figures]) -> str:
    head = "| run | spans | accepted/s | stored/s | CPU us/span | spans per CPU s | peak MB | bytes/span |"
    rows = [
        f"| {number} | {run.spans:,} | {run.spans / run.accepted_s:,.0f} | {run.spans / run.stored_s:,.0f} "
        f"| {run.cpu_s / run.spans * 1e6:.0f} | {run.spans / run.cpu_s:,.0f} | {run.memory_mb:.0f} "
        f"| {run.bytes_per_span:.0f} |"
        for number, run in zip(count(1), runs, strict=False)
    ]
    return "\n".join([head, "|" + "---:|" * 8, *rows])


def _about(calls_of: int) -> str:
    cpu = next(line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line)
    packages = ", ".join(f"{name} {version(name)}" for name in ("spanmeter", "chdb", "protobuf", "uvicorn"))
    return (
        f"{cpu.partition(': ')[2]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {packages}\n"
        f"{SPANS} spans a request, 20 attributes a span, random ids, 1 of {calls_of} a call; {SENDERS} senders; "
        "OTLP/HTTP protobuf, every request synced to disk before it is acknowledged\n"
        f"make bench-collector  ({Path(sys.executable).name} {' '.join(sys.argv)})\n"
    )


def main() -> None:
    """Run as often as asked and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100, help="how many, of 512 spans each (%(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="how many runs, each with a new store (%(default)s)")
    parser.add_argument("--calls-of", type=int, default=4, help="of how many spans one is a call (%(default)s)")
    arguments = parser.parse_args()
    start_ns = time.time_ns() - 3600 * NANOSECONDS
    bodies = [request(number, start_ns=start_ns, calls_of=arguments.calls_of) for number in range(arguments.requests)]
    runs = []
    for _ in range(arguments.runs):
        with tempfile.TemporaryDirectory(prefix="spanmeter-bench-") as directory:
            runs.append(run(bodies, directory=Path(directory), calls_of=arguments.calls_of))
    sys.stdout.write(f"{_about(arguments.calls_of)}\n{_table(runs)}\n")


if __name__ == "__main__":
    main()

"""Requests without end: 512 spans each, 20 attributes a span, one in four a call, every id and time its own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SPANS: Final = 512
CALLS: Final = SPANS // 4
USD_A_CALL: Final = Decimal("0.000195")  # gpt-4o-mini: 800 fresh and 200 cached tokens in, 100 out
_MARK: Final = b"\xffMARK\xff"  # stands where the number of the request goes, in every id and in the texts
_TEXT_MARK: Final = "request-000000000000"
_PEOPLE: Final[dict[str, str | int | float]] = {
    "user.id": "user-{number}",
    "gen_ai.conversation.id": _TEXT_MARK,
    "spanmeter.tenant": "acme",
    "spanmeter.feature": "search",
    "spanmeter.team": "core",
    "spanmeter.tag.branch": "main",
    "spanmeter.framework": "langchain",
}
_CALL: Final[dict[str, str | int | float]] = _PEOPLE | {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": f"chatcmpl-{_TEXT_MARK}-{{number}}",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 500,
    "gen_ai.response.time_to_first_chunk": 0.31,
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 200,
    "server.address": "api.openai.com",
    "server.port": 443,
}
_STEP: Final[dict[str, str | int | float]] = _PEOPLE | {
    "spanmeter.operation": "chain",
    **{f"app.step.{name}": f"{name} {{number}}" for name in ("index", "input", "output", "kind", "branch", "node")},
    **{f"app.count.{name}": number for number, name in enumerate(("a", "b", "c", "d", "e", "f"))},
}


def bodies(*, since_ns: int = 0) -> Iterator[bytes]:
    """Request bodies; their spans start now, or one second a hundred requests from a time on."""
    number = 0
    while True:
        started = since_ns + number * 10_000_000 if since_ns else time.time_ns() - 1_000_000_000
        pattern = _pattern(started)
        for _ in range(100):
            number += 1
            text = _TEXT_MARK[:-12] + f"{number:012d}"
            yield pattern.replace(_MARK, number.to_bytes(6)).replace(_TEXT_MARK.encode(), text.encode())


def _pattern(started: int) -> bytes:
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(_attributes({"service.name": "bench", "service.instance.id": "1"}, 0))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "spanmeter.langchain"
    scope_spans.spans.extend(_span(number, started) for number in range(SPANS))
    return message.SerializeToString()


def _span(number: int, started: int) -> Span:
    is_call = number % 4 == 3
    return Span(
        trace_id=_MARK + bytes(8) + (1 + number // 8).to_bytes(2),
        span_id=_MARK + number.to_bytes(2),
        parent_span_id=_MARK + (number - 1).to_bytes(2) if number % 8 else b"",
        name="chat gpt-4o-mini" if is_call else "step",
        start_time_unix_nano=started + number * 1_000_000,
        end_time_unix_nano=started + number * 1_000_000 + 700_000_000,
        attributes=_attributes(_CALL if is_call else _STEP, number),
    )


def _attributes(known: dict[str, str | int | float], number: int) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(said, number)) for key, said in known.items()]


def _value(said: str | float, number: int) -> AnyValue:
    if isinstance(said, str):
        return AnyValue(string_value=said.format(number=number))
    return AnyValue(int_value=said) if isinstance(said, int) else AnyValue(double_value=said)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running sidecar: its process, its address, and how long it took to be ready."""

    process: subprocess.Popen[str]
    url: str
    ready_s: float

    def metric(self, name: str) -> float:
        """One of the sidecar's own metrics."""
        lines = httpx.get(f"{self.url}/metrics", timeout=60).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"spanmeter_collector_{name} "))

    def total(self, since: str) -> dict[str, Any]:
        """The sums of the ledger."""
        return dict(httpx.get(f"{self.url}/api/v1/cost?since={since}", timeout=60).json()["total"])

    def memory_mb(self, name: str) -> float:
        """VmRSS or VmHWM."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024

    def cpu_s(self) -> float:
        """CPU seconds of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def sidecar(data_dir: Path) -> Iterator[Sidecar]:
    """A sidecar on one core; this process takes the others."""
    first, *others = sorted(os.sched_getaffinity(0))
    variables = {"LISTEN": "127.0.0.1:0", "GRPC_LISTEN": "127.0.0.1:0", "DATA_DIR": str(data_dir)}
    environ = {"PATH": os.environ["PATH"]} | {f"SPANMETER_{name}": text for name, text in variables.items()}
    command = ["taskset", "--cpu-list", str(first), sys.executable, "-m", "spanmeter_collector", "collector"]
    began = time.monotonic()
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
        ready_s = time.monotonic() - began
        os.sched_setaffinity(0, others or {first})
        try:
            yield Sidecar(process, f"http://{ready['http']}", ready_s)
        finally:
            os.sched_setaffinity(0, {first, *others})
            process.terminate()


def about(command: str) -> str:
    """Machine, versions and command."""
    cpu = next(line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line)
    packages = ", ".join(f"{name} {version(name)}" for name in ("spanmeter", "chdb", "protobuf"))
    return (
        f"{cpu.partition(': ')[2]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {packages}\n"
        f"{command}  ({Path(sys.executable).name} {' '.join(sys.argv)}); the sidecar has one core; synthetic spans\n"
    )

"""A victim: a sidecar that is killed, starved or flooded, and the requests that it is sent."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

USD_A_CALL: Final = Decimal("0.000195")  # gpt-4o-mini: 800 fresh and 200 cached tokens in, 100 out
_PERIOD: Final = "since=2026-11-22T00:00:00Z&until=2026-11-24T00:00:00Z"
_START_S: Final = 60
_START_NS: Final = 1_795_352_400_000_000_000  # 2026-11-22T13:00:00Z
CALL: Final[dict[str, str | int]] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.usage.cache_read.input_tokens": 200,
}


def all_of(variable: str, *, few: int, many: int) -> int:
    """How often or how long: few by default, many with SPANMETER_FAULTS=all, as `make faults` says."""
    return many if os.environ.get("SPANMETER_FAULTS") == "all" else int(os.environ.get(variable, few))


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A running sidecar, and the file that it writes its log lines to."""

    process: subprocess.Popen[bytes]
    http: str
    lines: Path

    def post(self, body: bytes) -> httpx.Response:
        """POST spans."""
        headers = {"content-type": "application/x-protobuf"}
        return httpx.post(f"{self.http}/v1/traces", content=body, headers=headers, timeout=60)

    def get(self, path: str) -> Any:
        """The JSON answer to GET."""
        return httpx.get(self.http + path, timeout=60).json()

    def metric(self, name: str) -> float:
        """The sum of one of the sidecar's own metrics over its labels, or of those that the name ends with."""
        told = httpx.get(f"{self.http}/metrics", timeout=60).raise_for_status().text
        lines = [line for line in told.splitlines() if line.startswith(f"spanmeter_collector_{name}")]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def settle(self, *, within_s: float = 120) -> None:
        """Wait until every acknowledged span is stored."""
        wait_until(lambda: not self.metric("pending_spans"), within_s=within_s)

    def billed(self) -> tuple[int, Decimal]:
        """Calls and dollars in the ledger."""
        total = self.get(f"/api/v1/cost?{_PERIOD}")["total"]
        return total["calls"], Decimal(total["cost_usd"])

    def charged(self) -> tuple[int, Decimal]:
        """The same summed up from every single entry, where `billed` may read what the engine keeps by the hour."""
        answer = httpx.get(f"{self.http}/api/v1/export?{_PERIOD}&format=csv", timeout=60)
        entries = list(csv.DictReader(answer.text.splitlines()))
        usd = [Decimal(entry["usd"]) for entry in entries if entry["usd"] not in {"", "\\N"}]
        return sum(int(entry["calls"]) for entry in entries), sum(usd, Decimal(0))

    def counted(self) -> float:
        """The calls that Prometheus is told of."""
        lines = httpx.get(f"{self.http}/metrics", timeout=60).raise_for_status().text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("spanmeter_calls_total{"))

    def memory(self, name: str) -> int:
        """VmRSS or VmHWM in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        (line,) = (line for line in status.splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024

    def kill(self) -> None:
        """Kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)


class NotStartedError(Exception):
    """The exit status and the last line that the sidecar wrote instead of starting."""


def wait_until(holds: Callable[[], bool], *, within_s: float = 60) -> None:
    """Wait for something that takes as long as the machine needs."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def body_of(first: int, spans: int) -> bytes:
    """A request of calls with the numbers from `first` on, each of $0.000195."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = "spanmeter"
    scope.spans.extend(_call(number) for number in range(first, first + spans))
    return request.SerializeToString()


def _call(number: int) -> Span:
    return Span(
        trace_id=(1 + number // 8).to_bytes(16),
        span_id=(1 + number).to_bytes(8),
        name="chat gpt-4o-mini",
        start_time_unix_nano=_START_NS + number * 1_000_000,
        end_time_unix_nano=_START_NS + number * 1_000_000 + 700_000_000,
        attributes=[KeyValue(key=key, value=_value(value)) for key, value in CALL.items()],
    )


def _value(value: str | int) -> AnyValue:
    return AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value)


def address_of(process: subprocess.Popen[bytes], lines: Path) -> str:
    """Wait until a sidecar is ready, and say where."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        said = lines.read_text(encoding="utf-8").splitlines()
        for line in said:
            if '"message": "ready"' in line:
                return f"http://{json.loads(line)['http']}"
        if process.poll() is not None:
            raise NotStartedError(f"{process.returncode} {said[-1] if said else ''}")
        time.sleep(0.02)
    process.kill()
    raise NotStartedError(f"not ready within {_START_S} s")

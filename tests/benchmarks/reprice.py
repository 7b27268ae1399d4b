"""What it takes a sidecar to reprice a ledger: to show what other prices change, to write it, and to find it done.

The calls come in over OTLP at one price, with token counts of their own each; then the price file says another. The
ledger's sum is held against the arithmetic after the run, so that a fast wrong sum is no result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
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

CALLS: Final = 512
MTOK: Final = 1_000_000
OLD: Final = (Decimal("0.15"), Decimal("0.60"))
NEW: Final = (Decimal("0.30"), Decimal("1.20"))
CALL: Final = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.id": "chatcmpl-{number}",
    "gen_ai.request.max_tokens": 500,
    "server.address": "api.openai.com",
    "server.port": 443,
    "user.id": "user-{number}",
    "gen_ai.conversation.id": "session-{number}",
    "spanmeter.tenant": "acme",
    "spanmeter.feature": "search",
    "spanmeter.team": "core",
    "spanmeter.tag.branch": "main",
    "spanmeter.framework": "langchain",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took; memory is the sidecar's highest so far."""

    what: str
    calls: int
    changed: int
    wall_s: float
    cpu_s: float
    memory_mb: float


def request(number: int, used: Sequence[tuple[int, int]], *, start_ns: int) -> bytes:
    """A request of calls, each in a trace of its own, with these tokens in and out."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(_attributes({"service.name": "bench", "service.instance.id": "1"}, 0))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "spanmeter.langchain"
    for place, (tokens_in, tokens_out) in enumerate(used, 1 + number * CALLS):
        tokens = {"gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out}
        scope_spans.spans.append(_span(place, CALL | tokens, start_ns=start_ns + place * 1_000_000))
    return message.SerializeToString()


def _span(number: int, known: dict[str, Any], *, start_ns: int) -> Span:
    return Span(
        trace_id=number.to_bytes(16),
        span_id=number.to_bytes(8),
        name="chat gpt-4o-mini",
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + 700_000_000,
        attributes=_attributes(known, number),
    )


def _attributes(known: dict[str, Any], number: int) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(said, number)) for key, said in known.items()]


def _value(said: Any, number: int) -> AnyValue:  # text or whole number
    return AnyValue(string_value=said.format(number=number)) if isinstance(said, str) else AnyValue(int_value=said)


def prices(per_mtok: tuple[Decimal, Decimal]) -> str:
    """A price file with one price of the model, for tokens in and out."""
    head = '[[price]]\nprovider = "openai"\nmodel = "gpt-4o-mini"\n'
    return f"{head}usd_per_mtok = {{ input = {per_mtok[0]}, output = {per_mtok[1]} }}\n"


def cost(used: Sequence[tuple[int, int]], per_mtok: tuple[Decimal, Decimal]) -> Decimal:
    """What calls cost together."""
    tokens_in, tokens_out = (sum(counts) for counts in zip(*used, strict=True))
    return Decimal(tokens_in * per_mtok[0] + tokens_out * per_mtok[1]) / MTOK


@contextmanager
def sidecar(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A sidecar with a price file, and its address."""
    variables = {"LISTEN": "127.0.0.1:0", "GRPC_LISTEN": "127.0.0.1:0", "DATA_DIR": str(directory / "data")}
    variables["PRICES"] = str(directory / "prices.toml")
    environ = {"PATH": os.environ["PATH"]} | {f"SPANMETER_{name}": text for name, text in variables.items()}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
        try:
            yield process, f"http://{ready['http']}"
        finally:
            process.terminate()


def send(url: str, bodies: Sequence[bytes]) -> None:
    """POST the bodies, what is refused for now again, and wait until all of it is stored."""
    with httpx.Client(timeout=60, headers={"content-type": "application/x-protobuf"}) as client:
        for body in bodies:
            while (answer := client.post(f"{url}/v1/traces", content=body)).status_code == 503:
                time.sleep(0.05)
            answer.raise_for_status()
        while "spanmeter_collector_pending_spans 0.0" not in client.get(f"{url}/metrics").text:
            time.sleep(0.2)


def run(what: str, pid: int, url: str, *, dry_run: bool) -> Figures:
    """Reprice the whole ledger once."""
    began, cpu_s = time.monotonic(), _cpu_s(pid)
    answer = httpx.post(f"{url}/api/v1/reprice", params={"since": "2d", "dry_run": str(dry_run).lower()}, timeout=None)
    wall_s, cpu_s = time.monotonic() - began, _cpu_s(pid) - cpu_s
    total = answer.raise_for_status().json()["total"]
    return Figures(what, total["calls"], total["changed_calls"], wall_s, cpu_s, _highest_kb(pid) / 1024)


def check(url: str, used: Sequence[tuple[int, int]], per_mtok: tuple[Decimal, Decimal]) -> None:
    """Stop unless the ledger holds every call once, at these prices."""
    total = httpx.get(f"{url}/api/v1/cost", params={"since": "2d"}, timeout=60).json()["total"]
    found, expected = (total["calls"], Decimal(total["cost_usd"])), (len(used), cost(used, per_mtok))
    if found != expected:
        raise SystemExit(f"the ledger holds {found} calls and dollars, expected {expected}")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _highest_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _table(runs: Sequence[Figures]) -> str:
    rows = [
        f"| {run.what} | {run.calls:,} | {run.changed:,} | {run.wall_s:.1f} | {run.cpu_s:.1f} "
        f"| {run.cpu_s / run.calls * 1e6:.0f} | {run.memory_mb:.0f} |"
        for run in runs
    ]
    head = "| run | calls | changed | seconds | CPU seconds | CPU us/call | peak MB |"
    return "\n".join([head, "|:---|" + "---:|" * 6, *rows])


def _about() -> str:
    cpu = next(line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line)
    packages = ", ".join(f"{name} {version(name)}" for name in ("spanmeter", "chdb", "clickhouse-connect"))
    return (
        f"{cpu.partition(': ')[2]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {packages}\n"
        f"make bench-reprice  ({Path(sys.executable).name} {' '.join(sys.argv)})\n"
    )


def main() -> None:
    """Fill a ledger, reprice it and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200_192, help="how many, in requests of 512 (%(default)s)")
    requests = parser.parse_args().calls // CALLS
    chance = random.Random(1)
    used = [(chance.randrange(300, 9000), chance.randrange(1, 900)) for _ in range(requests * CALLS)]
    start_ns = time.time_ns() - 3600 * 1_000_000_000
    bodies = (request(number, used[number * CALLS :][:CALLS], start_ns=start_ns) for number in range(requests))
    with tempfile.TemporaryDirectory(prefix="spanmeter-bench-") as name:
        file = Path(name, "prices.toml")
        file.write_text(prices(OLD), encoding="utf-8")
        with sidecar(Path(name)) as (process, url):
            send(url, list(bodies))
            check(url, used, OLD)
            file.write_text(prices(NEW), encoding="utf-8")
            kinds = (("show", True), ("write", False), ("again", False))
            runs = [run(what, process.pid, url, dry_run=dry_run) for what, dry_run in kinds]
            check(url, used, NEW)
    sys.stdout.write(f"{_about()}\n{_table(runs)}\n")


if __name__ == "__main__":
    main()

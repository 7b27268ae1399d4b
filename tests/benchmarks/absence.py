"""An hour without a sidecar at 50 spans a second: what it costs, what it takes on disk, and that nothing is lost.

    python tests/benchmarks/absence.py [--spans 180000]

The hour is one of volume, not of time: batches of 50 spans, as at one a second. The sidecar is killed before the
first and started again after the last; then the ledger is compared with what was made.
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
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import httpx
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

BATCH: Final = 50
MADE_AT_ONCE: Final = 5_000
NEW_SPANS: Final = 50


def call(number: int) -> dict[str, Any]:
    """What a span of a model call says, with values that differ as in an application."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.id": f"chatcmpl-{number * 2654435761 % 2**32:08x}{number:012d}",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 900 + number * 7919 % 997,
        "gen_ai.usage.output_tokens": 50 + number * 104729 % 499,
        "gen_ai.conversation.id": f"session-{number // 7}",
        "user.id": f"user-{number * 31 % 4099}",
        "spanmeter.framework": "langchain",
        "spanmeter.tenant": "acme",
        "spanmeter.feature": "search",
        "spanmeter.usage.grade": "reported",
        "spanmeter.cost.grade": "computed",
        "spanmeter.cost.usd": str(0.000135 + number % 1000 / 1e7),
    }


@contextmanager
def sidecar(directory: Path, address: str) -> Iterator[str]:
    """A sidecar on a data directory; killed in the end."""
    given = {"SPANMETER_DATA_DIR": str(directory), "SPANMETER_LISTEN": address, "SPANMETER_GRPC_LISTEN": "127.0.0.1:0"}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env=os.environ | given, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            ready = next(line for line in process.stderr if '"message": "ready"' in line)
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield str(json.loads(ready)["http"])
        finally:
            process.kill()


def calls(address: str, *, at_least: int) -> int:
    """The ledger's calls, once everything acknowledged is stored."""
    deadline = time.monotonic() + 120
    found = -1
    while found < at_least and time.monotonic() < deadline:
        found = int(httpx.get(f"http://{address}/api/v1/cost?since=24h", timeout=60).json()["total"]["calls"])
        time.sleep(0.2)
    return found


def make(provider: TracerProvider, spans: int) -> None:
    """Make spans, and let the queue empty itself now and then, as it would in an hour."""
    tracer = provider.get_tracer("spanmeter")
    for number in range(spans):
        tracer.start_span("chat gpt-4o-mini", attributes=call(number)).end()
        if number % MADE_AT_ONCE == MADE_AT_ONCE - 1:
            provider.force_flush()
    provider.force_flush()


def main() -> int:
    """Run the hour and print the figures; 1 if a call is missing or twice in the ledger."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=180_000)
    spans = parser.parse_args().spans
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"SPANMETER_SPOOL_DIR": f"{folder}/spool", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(BATCH)}
        return run(Path(folder), spans)


def run(folder: Path, spans: int) -> int:
    """Kill the sidecar, make the spans, start it again, and compare."""
    from spanmeter.tally import tally  # noqa: PLC0415  after the environment is set
    from spanmeter.telemetry import Telemetry  # noqa: PLC0415

    with sidecar(folder / "data", "127.0.0.1:0") as address:
        pass
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    telemetry = Telemetry(service_name=None, endpoint=f"http://{address}", tracer_provider=provider)
    cpu = time.process_time()
    make(provider, spans)
    cpu_away = time.process_time() - cpu
    files = [path.stat().st_size for path in (folder / "spool").rglob("*.gz")]
    with sidecar(folder / "data", address):
        cpu, started = time.process_time(), time.monotonic()
        while tally.exported_spans < spans - tally.dropped_spans and time.monotonic() < started + 600:
            time.sleep(0.2)
        took, cpu_back = time.monotonic() - started, time.process_time() - cpu
        make(provider, NEW_SPANS)
        telemetry.close()
        found = calls(address, at_least=spans + NEW_SPANS)
    rows = {
        "spans made without a sidecar": f"{spans:,}",
        "dropped": f"{tally.dropped_spans:,}",
        "files": f"{len(files):,}",
        "on disk": f"{sum(files) / 1e6:.1f} MB, {sum(files) / spans:.0f} bytes a span",
        "CPU to make and spool a span": f"{cpu_away / spans * 1e6:.0f} us",
        "sent when it was back": f"after {took:.0f} s, {cpu_back / spans * 1e6:.0f} us of CPU a span",
        "calls in the ledger": f"{found:,} of {spans + NEW_SPANS:,}",
    }
    print(f"{platform.machine()}, Python {platform.python_version()}, OpenTelemetry {version('opentelemetry-sdk')}")  # noqa: T201
    print("\n".join(f"{name:32}{value}" for name, value in rows.items()))  # noqa: T201
    return int(found != spans + NEW_SPANS or tally.dropped_spans > 0)


if __name__ == "__main__":
    sys.exit(main())

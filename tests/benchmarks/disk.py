"""What a span takes on disk, and what it takes to drop, back up and restore what is stored.

Two stores are filled by a sidecar over OTLP/HTTP, one with text and one without, merged and measured. Identifiers,
times and token counts are random, which is what does not compress. The text is made of passages of Python's language
reference at random places; people's prompts may compress better, for they repeat, or worse.
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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any, Final

import clickhouse_connect
import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanmeter_collector.retention import Retention
from spanmeter_collector.status import Status
from spanmeter_collector.store import Store
from spanmeter_collector.sweep import Sweep

SPANS: Final = 512
TRACE: Final = ("chain", "retrieval", "embeddings", "chain", "chat", "execute_tool", "chain", "chat")
DAYS: Final = 4
DAY_NS: Final = 86_400_000_000_000
TEXT: Final = "\n".join(topics.values())
MODELS: Final = ("gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06", "gpt-4.1-mini-2025-04-14")

PROTOBUF: Final = {"content-type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a store of so many spans takes, by table, and how long what is done with it took."""

    with_text: bool
    spans: int
    sent_bytes: int
    bytes: Mapping[str, int]
    archive_bytes: int
    backup_s: float
    restore_s: float
    sweep_cpu_s: float


def request(chance: random.Random, *, start_ns: int, with_text: bool) -> bytes:
    """A request of 64 traces of 8 spans, of which two are calls and one an embedding, some 20 attributes each."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(_attributes({"service.name": "shop-rag", "service.instance.id": "1"}))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "spanmeter.langchain"
    for _ in range(SPANS // len(TRACE)):
        start_ns += chance.randrange(20_000_000)
        scope_spans.spans.extend(_trace(chance, start_ns, with_text=with_text))
    return message.SerializeToString()


def _trace(chance: random.Random, start_ns: int, *, with_text: bool) -> Iterator[Span]:
    trace_id, parent, people = chance.randbytes(16), b"", _people(chance)
    for operation in TRACE:
        start_ns += chance.randrange(5_000_000)
        span_id = chance.randbytes(8)
        text = _text(chance) if with_text else {}
        yield Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=f"{operation} step",
            start_time_unix_nano=start_ns,
            end_time_unix_nano=start_ns + round(chance.lognormvariate(19, 1)),
            attributes=_attributes({**people, **_known(chance, operation), **text}),
        )
        parent = span_id if operation == "chain" else parent


def _people(chance: random.Random) -> dict[str, Any]:
    return {
        "user.id": f"user-{min(int(chance.paretovariate(0.5)), 9999)}",
        "gen_ai.conversation.id": f"{chance.getrandbits(128):032x}",
        "spanmeter.tenant": chance.choice(("acme", "globex", "initech")),
        "spanmeter.feature": "search",
        "spanmeter.team": "core",
        "spanmeter.tag.branch": "main",
        "spanmeter.framework": "langchain",
    }


def _known(chance: random.Random, operation: str) -> dict[str, Any]:
    if operation not in {"chat", "embeddings"}:
        steps = {f"app.step.{name}": name for name in ("index", "kind", "branch", "node", "graph", "version")}
        counts = {f"app.count.{name}": chance.randrange(10) for name in ("documents", "retries", "depth", "loops")}
        return {"spanmeter.operation": operation, **steps, **counts}
    model = chance.choice(MODELS) if operation == "chat" else "text-embedding-3-small"
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": model,
        "gen_ai.response.model": model,
        "gen_ai.response.id": f"chatcmpl-{chance.getrandbits(176):044x}",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 500,
        "gen_ai.response.time_to_first_chunk": chance.lognormvariate(-1, 0.5),
        "gen_ai.usage.input_tokens": chance.randrange(200, 4000),
        "gen_ai.usage.output_tokens": chance.randrange(600),
        "server.address": "api.openai.com",
        "server.port": 443,
    }


def _text(chance: random.Random) -> dict[str, str]:
    """Some 600 characters, as much as the rest of a span takes in protobuf."""
    lengths = {"app.input": chance.randrange(100, 500), "app.output": chance.randrange(100, 500)}
    places = {name: chance.randrange(len(TEXT) - length) for name, length in lengths.items()}
    return {name: TEXT[places[name] :][:length] for name, length in lengths.items()}


def _attributes(known: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(said)) for key, said in known.items()]


def _value(said: Any) -> AnyValue:  # text, whole number or float
    if isinstance(said, str):
        return AnyValue(string_value=said)
    return AnyValue(int_value=said) if isinstance(said, int) else AnyValue(double_value=said)


def measure(requests: int, *, with_text: bool) -> Figures:
    """Fill a store, merge it, and do with it what is measured; in a process of its own, for it holds one engine."""
    chance = random.Random(7)
    first = time.time_ns() // DAY_NS * DAY_NS - (DAYS - 1) * DAY_NS
    starts = [first + number * DAYS // requests * DAY_NS + number * 10**9 for number in range(requests)]
    with tempfile.TemporaryDirectory(prefix="spanmeter-bench-") as name:
        directory = Path(name)
        data_dir, archive = directory / "data", directory / "archive"
        bodies = (request(chance, start_ns=start, with_text=with_text) for start in starts)
        sent_bytes = _fill(data_dir, bodies)
        taken = _merged(data_dir)
        with sidecar(data_dir) as url:
            backup_s = _timed("backup", str(archive), "--url", url, data_dir=data_dir)
        restore_s = _timed("restore", str(archive), data_dir=directory / "restored")
        sweep_cpu_s = _sweep(data_dir)
        size = archive.stat().st_size
    return Figures(with_text, requests * SPANS, sent_bytes, taken, size, backup_s, restore_s, sweep_cpu_s)


def _fill(data_dir: Path, bodies: Iterable[bytes]) -> int:
    sent = 0
    with sidecar(data_dir) as url, httpx.Client(timeout=60) as client:
        for body in bodies:
            while (answer := client.post(f"{url}/v1/traces", content=body, headers=PROTOBUF)).status_code == 503:
                time.sleep(0.05)
            answer.raise_for_status()
            sent += len(body)
        while _pending(client.get(f"{url}/metrics").text):
            time.sleep(0.2)
    return sent


def _pending(metrics: str) -> float:
    lines = metrics.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("spanmeter_collector_pending_spans "))


def _merged(data_dir: Path) -> Mapping[str, int]:
    """What every table takes when all its parts are merged."""
    taken = Counter[str]()
    with closing(clickhouse_connect.get_client(interface="chdb", path=f"{data_dir}/store")) as client:
        tables = "SELECT name FROM system.tables WHERE database = 'default' AND engine LIKE '%MergeTree'"
        for (table,) in client.query(tables).result_rows:
            client.command(f"OPTIMIZE TABLE {table} FINAL")
        parts = "SELECT table, bytes_on_disk FROM system.parts WHERE active AND database = 'default'"
        for table, size in client.query(parts).result_rows:
            taken[table] += size
    return taken


def _sweep(data_dir: Path) -> float:
    """CPU seconds of dropping all days of spans but today and yesterday."""
    with closing(Store.open(f"chdb://{data_dir}/store")) as store:
        began = time.process_time()
        dropped = Sweep(store, Retention(span_days=1), Status(), damaged=data_dir / "none").run()
        cpu_s = time.process_time() - began
    if [one.partition.table for one in dropped] != ["spans"] * (DAYS - 2):
        raise SystemExit(f"retention dropped {dropped}, expected {DAYS - 2} days of spans")
    return cpu_s


def _timed(*words: str, data_dir: Path) -> float:
    began = time.monotonic()
    environ = {"PATH": os.environ["PATH"], "HOME": str(data_dir), "SPANMETER_DATA_DIR": str(data_dir)}
    command = [sys.executable, "-m", "spanmeter_collector", *words]
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.monotonic() - began


@contextmanager
def sidecar(data_dir: Path) -> Iterator[str]:
    """A sidecar's address."""
    variables = {"LISTEN": "127.0.0.1:0", "GRPC_LISTEN": "127.0.0.1:0", "DATA_DIR": str(data_dir)}
    environ = {"PATH": os.environ["PATH"]} | {f"SPANMETER_{name}": text for name, text in variables.items()}
    command = [sys.executable, "-m", "spanmeter_collector", "collector"]
    with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ready = next(json.loads(line) for line in process.stderr if '"message": "ready"' in line)
        try:
            yield f"http://{ready['http']}"
        finally:
            process.terminate()


def _table(runs: Sequence[Figures]) -> str:
    head = (
        "| text | spans | sent B/span | `spans` B/span | all tables B/span | backup MB | MB/s | spans/s "
        "| restore MB/s | spans/s | sweep CPU ms |"
    )
    rows = [
        f"| {'with' if run.with_text else 'without'} | {run.spans:,} | {run.sent_bytes / run.spans:.0f} "
        f"| {run.bytes['spans'] / run.spans:.0f} | {sum(run.bytes.values()) / run.spans:.0f} "
        f"| {run.archive_bytes / 1e6:.1f} | {run.archive_bytes / 1e6 / run.backup_s:.0f} "
        f"| {run.spans / run.backup_s:,.0f} | {run.archive_bytes / 1e6 / run.restore_s:.0f} "
        f"| {run.spans / run.restore_s:,.0f} | {run.sweep_cpu_s * 1e3:.0f} |"
        for run in runs
    ]
    return "\n".join([head, "|" + "---:|" * 11, *rows])


def _by_table(run: Figures) -> str:
    sizes = ", ".join(f"{table} {size / run.spans:.1f}" for table, size in sorted(run.bytes.items()) if size)
    return f"bytes a span {'with' if run.with_text else 'without'} text, by table: {sizes}"


def _about() -> str:
    cpu = next(line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line)
    packages = ", ".join(f"{name} {version(name)}" for name in ("spanmeter", "chdb"))
    return (
        f"{cpu.partition(': ')[2]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {packages}\n"
        f"{SPANS} spans a request, 8 a trace of which 2 are calls and 1 an embedding, about 17 attributes a span; "
        f"{DAYS} days; sizes after every table was merged; backup and restore with the start of their process\n"
        f"make bench-disk  ({Path(sys.executable).name} {' '.join(sys.argv)})\n"
    )


def main() -> None:
    """Measure both stores and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="how many, of 512 spans each (%(default)s)")
    requests = parser.parse_args().requests
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as processes:
        runs = [processes.submit(measure, requests, with_text=with_text).result() for with_text in (True, False)]
    sys.stdout.write("\n".join([_about(), _table(runs), "", *map(_by_table, runs), ""]))


if __name__ == "__main__":
    main()

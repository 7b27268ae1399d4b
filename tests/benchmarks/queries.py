"""How long a sidecar on one core takes to answer, with many spans stored: every question, warm, through its API.

The store is filled by SQL with synthetic spans of thirty days and the ledger that follows from them, without prompts
or answers. `--store` keeps it: the next run starts at once, whatever the store's age, and takes some minutes. The
sidecar has one core to itself; its CPU time is what to compare on a machine that has other work.

Then a copy of the store is asked once more while spans come in: they begin in the hour after the filled ones, and the
periods asked for end with that hour. CPU time has that of storing in it there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import clickhouse_connect
import httpx
from collector import sidecar  # noqa: TID251  the benchmark beside, not the folder
from incoming import sending

from spanmeter.pricing import PriceBook
from spanmeter_collector.store import Store

DAYS: Final = 30
RUNS: Final = 20
FEWEST: Final = 5
LONGEST_S: Final = 8.0  # a question is asked no longer than that, but five times
HOUR: Final = timedelta(hours=1)
PAUSE_S: Final = 0.17  # between questions while spans come in, so that answers meet storing at any of its moments
SETTLED_S: Final = 30
DAY_NS: Final = 86_400_000_000_000
FILL: Final = ("spans", "charges", "duplicates")
SETTINGS: Final = {"max_threads": 1, "max_insert_threads": 1, "max_partitions_per_insert_block": 0}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, the time the answer may take, and whether that bound is one of ours or the project's."""

    what: str
    path: str
    bound_ms: int
    parameters: dict[str, str]
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Figures:
    """How long the answers to one question took, the first one apart, and how large they are."""

    question: Question
    first_ms: float
    milliseconds: Sequence[float]
    cpu_ms: float
    kilobytes: float

    @property
    def p95(self) -> float:
        """What nineteen of twenty answers do not exceed."""
        return quantiles(self.milliseconds, n=20, method="inclusive")[-1]


def questions(until: datetime, trace_id: str, *, days_ago: int) -> Iterator[Question]:
    """Every question with a bound; the periods end at whole hours and in the middle of one.

    Traces are asked for of the day that ended `days_ago`.
    """
    month = {"since": _text(until - timedelta(days=DAYS)), "until": _text(until)}
    day = {name: _text(until - timedelta(days=days_ago + one)) for name, one in (("since", 1), ("until", 0))}
    ragged = {"since": _text(until - timedelta(days=29, minutes=17)), "until": _text(until - timedelta(minutes=41))}
    by_hour = month | {"group_by": "hour"}
    yield Question("cost by model and day, 30 days", "cost", 50, month | {"group_by": "model,day", "limit": "10000"})
    yield Question("the same, ends inside an hour", "cost", 50, ragged | {"group_by": "model,day", "limit": "10000"})
    for name, value in (("tenant", "tenant-3"), ("feature", "feature-7"), ("model", "model-8")):
        yield Question(f"cost by hour of one {name}", "cost", 50, by_hour | {name: value})
    yield Question("cost by hour of a tenant's model", "cost", 50, by_hour | {"tenant": "tenant-3", "model": "model-8"})
    yield Question("cost by component", "cost", 50, month | {"group_by": "component"})
    yield Question("cost by tenant", "cost", 50, month | {"group_by": "tenant"})
    yield Question("cost by user, 100 dearest", "cost", 700, month | {"group_by": "user", "limit": "100"})
    yield Question("top users with percentiles", "latency", 700, month | {"group_by": "user", "limit": "100"})
    hourly = month | {"group_by": "operation,hour", "limit": "10000"}
    yield Question("p95 latency by operation and hour", "latency", 100, hourly)
    yield Question("p95 latency by model", "latency", 100, month | {"group_by": "model"})
    yield Question("one trace", f"traces/{trace_id}", 100, {})
    yield Question("50 dearest traces of a day", "traces", 150, day | {"order": "cost"})
    yield Question("50 latest traces of a day", "traces", 150, day)
    yield Question("duplicates", "duplicates", 500, month)
    yield Question("reprice all, nothing changes", "reprice", 500, month | {"dry_run": "true"}, "POST")
    yield Question("losses", "losses", 500, month)


def fill(directory: Path, spans: int, until: datetime) -> None:
    """Write spans, charges and duplicates, a day at a time, with the store's own schema."""
    url = f"chdb://{directory / 'store'}"
    since_ns = round((until - timedelta(days=DAYS)).timestamp()) * 1_000_000_000
    per_day = spans // DAYS // 8 * 8
    book = PriceBook.load()
    with closing(Store.open(url)), closing(_client(directory)) as client:
        for day in range(DAYS):
            numbers = {"since": since_ns, "per_day": per_day, "first": day * per_day, "count": per_day}
            times = {"since": since_ns + day * DAY_NS, "until": since_ns + (day + 1) * DAY_NS}
            for table in FILL:
                text = Path(__file__).with_name(f"queries_{table}.sql").read_text(encoding="utf-8")
                client.command(text, parameters=(numbers if table == "spans" else times) | {"version": book.version})
            sys.stderr.write(f"\r{(day + 1) * per_day:,} spans written")
    sys.stderr.write("\n")


def _client(directory: Path) -> Any:  # of clickhouse-connect
    return clickhouse_connect.get_client(interface="chdb", path=str(directory / "store"), settings=SETTINGS)


@contextmanager
def filled(directory: Path | None, spans: int) -> Iterator[tuple[Path, datetime]]:
    """A directory with a filled store, kept where one is named, and the end of its period."""
    with tempfile.TemporaryDirectory(prefix="spanmeter-bench-") as name:
        place = directory or Path(name)
        note = place / "filled.json"
        if not (note.exists() and json.loads(note.read_text(encoding="utf-8"))["spans"] == spans):
            shutil.rmtree(place / "store", ignore_errors=True)
            place.mkdir(parents=True, exist_ok=True)
            until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
            arguments = ["--spans", str(spans), "--store", str(place), "--fill-until", _text(until)]
            subprocess.run([sys.executable, __file__, *arguments], check=True)
            note.write_text(json.dumps({"spans": spans, "until": _text(until)}), encoding="utf-8")
        yield place, datetime.fromisoformat(json.loads(note.read_text(encoding="utf-8"))["until"])


class Asker:
    """Asks a running sidecar, on its own core, and reads the CPU time that it takes."""

    def __init__(self, client: httpx.Client, pid: int, *, pause_s: float = 0) -> None:
        self._client = client
        self._pid = pid
        self._pause_s = pause_s

    def ask(self, question: Question, path: str) -> Figures:
        """Ask once to warm up and then up to twenty times."""
        began = time.perf_counter()
        answer = self._answer(question, path)
        first_ms = (time.perf_counter() - began) * 1000
        took: list[float] = []
        cpu_s = self._cpu_s()
        while len(took) < RUNS and (len(took) < FEWEST or sum(took) < LONGEST_S * 1000):
            time.sleep(self._pause_s)
            began = time.perf_counter()
            answer = self._answer(question, path)
            took.append((time.perf_counter() - began) * 1000)
        return Figures(question, first_ms, took, (self._cpu_s() - cpu_s) * 1000 / len(took), len(answer.content) / 1000)

    def some_trace(self, until: datetime) -> str:
        """The id of one of the last day's traces."""
        period = {"since": _text(until - timedelta(days=1)), "until": _text(until), "limit": "1"}
        found = self._client.get("/api/v1/traces", params=period).raise_for_status().json()
        return str(found["traces"][0]["trace_id"])

    def _answer(self, question: Question, path: str) -> httpx.Response:
        answer = self._client.request(question.method, path, params=question.parameters)
        if answer.status_code != 200:
            raise SystemExit(f"{question.what}: {answer.status_code} {answer.text[:400]}")
        return answer

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(directory: Path, until: datetime) -> Iterator[str]:
    """Start a sidecar on the store and ask everything: the lines of the table as they come, then what it took."""
    began = time.monotonic()
    with _asked(directory) as (client, pid, _):
        ready_s = time.monotonic() - began
        yield from _lines(Asker(client, pid), until, days_ago=1)
        yield f"\nready after {ready_s:.1f} s; {_resident_mb(pid):.0f} MB at the end; up to {RUNS} runs\n"


def run_beside(directory: Path, until: datetime, spans_per_s: int) -> Iterator[str]:
    """Ask a copy of the store everything while spans come in, and check that the ledger has their calls afterwards."""
    with tempfile.TemporaryDirectory(prefix="copy-", dir=directory) as name:
        shutil.copytree(directory / "store", Path(name) / "store", symlinks=True)
        with _asked(Path(name)) as (client, pid, url):
            with sending(url, since=until, spans_per_s=spans_per_s) as sender:
                time.sleep(2)
                yield from _lines(Asker(client, pid, pause_s=PAUSE_S), until + HOUR, days_ago=0)
            _settle(client, until, sender.calls)
            yield f"\n{sender.calls:,} calls came in meanwhile, all of them in the ledger; {_resident_mb(pid):.0f} MB\n"


@contextmanager
def _asked(directory: Path) -> Iterator[tuple[httpx.Client, int, str]]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[1:] or cores)
    with sidecar(directory, core=cores[0]) as (process, url), httpx.Client(base_url=url, timeout=120) as client:
        yield client, process.pid, url
    os.sched_setaffinity(0, cores)


def _lines(asker: Asker, until: datetime, *, days_ago: int) -> Iterator[str]:
    for question in questions(until, asker.some_trace(until), days_ago=days_ago):
        yield _line(asker.ask(question, f"/api/v1/{question.path}"))
    yield _line(asker.ask(Question("a scrape of /metrics", "", 100, {}), "/metrics"))


def _settle(client: httpx.Client, since: datetime, calls: int) -> None:
    until, deadline = _text(since + HOUR), time.monotonic() + SETTLED_S
    while (
        found := client.get("/api/v1/cost", params={"since": _text(since), "until": until}).json()["total"]["calls"]
    ) < calls:
        if time.monotonic() > deadline:
            raise SystemExit(f"the ledger has {found} calls, {calls} were sent")
        time.sleep(0.2)


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:"))) / 1024


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


HEAD: Final = "| question | first ms | p50 ms | p95 ms | CPU ms | bound ms | holds | kB |\n|:---|" + "---:|" * 7


def _line(each: Figures) -> str:
    return (
        f"| {each.question.what} | {each.first_ms:.0f} | {median(each.milliseconds):.0f} | {each.p95:.0f} "
        f"| {each.cpu_ms:.0f} | {each.question.bound_ms} | {'yes' if each.p95 <= each.question.bound_ms else 'NO'} "
        f"| {each.kilobytes:.0f} |"
    )


def _disk(directory: Path) -> str:
    sizes = (
        "SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'default' "
        "GROUP BY table ORDER BY 3 DESC"
    )
    with closing(_client(directory)) as client:
        rows = client.query(sizes).result_rows
    lines = [f"| {table} | {count:,} | {size / 2**20:.1f} |" for table, count, size in rows]
    return "\n".join(["| table | rows | MB |", "|:---|---:|---:|", *lines])


def _about(spans: int) -> str:
    cpu = next(line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line)
    packages = ", ".join(f"{name} {version(name)}" for name in ("spanmeter", "chdb", "clickhouse-connect"))
    return (
        f"{cpu.partition(': ')[2]}, one of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {packages}\n"
        f"make bench-queries  ({Path(sys.executable).name} {' '.join(sys.argv)})\n"
        f"{spans:,} spans over {DAYS} days\n"
    )


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def main() -> None:
    """Fill a store unless it is there, ask everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=10_000_000, help="how many (%(default)s)")
    parser.add_argument("--store", type=Path, help="where the store is kept; else it is made anew and removed")
    parser.add_argument("--beside", type=int, default=300, help="spans a second that come in, 0: none (%(default)s)")
    parser.add_argument("--fill-until", type=datetime.fromisoformat, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill_until:
        fill(options.store, options.spans, options.fill_until)
        return
    with filled(options.store, options.spans) as (directory, until):
        sys.stdout.write(f"{_about(options.spans)}\n{HEAD}\n")
        _print(run(directory, until))
        if options.beside:
            _print([f"The same while {options.beside} spans a second come in\n\n{HEAD}"])
            _print(run_beside(directory, until, options.beside))
        sys.stdout.write(f"{_disk(directory)}\n")


if __name__ == "__main__":
    main()

"""What instrumentation costs an application: CPU added to each operation, beside other instrumentations.

Every contestant is a process of its own with the same applications (`app_workloads`) and a receiver on loopback that
says yes. `quoting` is Spanmeter with prompts and answers on its spans. The processes take turns, slot by slot; the
best of the slots counts, for noise only ever adds. "added" is against the same applications in the same environment
without anything; "before flush" is the CPU of the whole process until the last operation returned, "with export" until
everything it held back was sent. `spanmeter@old` is another `spanmeter`, whose environment `--python
spanmeter@old=PATH` names.

    make bench-app
    make bench-app ARGS="--contestants spanmeter --slots 5"
    make bench-app ARGS="--contestants spanmeter,openinference --python openinference=/path/to/venv/bin/python"
    make bench-app ARGS="--contestants spanmeter --calls 100000"
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

HERE: Final = Path(__file__).parent
NAMES: Final = (
    "none",
    "empty",
    "spanmeter",
    "quoting",
    "openinference",
    "traceloop",
    "openlit",
    "langfuse",
    "langsmith",
    "mlflow",
)
ALONE: Final = "none"
STREAM: Final = "LangChain stream of 200"
CALL: Final = "LangChain call"
TOKENS: Final = 200
TARGETS_US: Final = {
    CALL: 110,
    STREAM: None,
    "LangChain RAG chain": 700,
    "LangGraph, 5 nodes": 1_000,
    "LlamaIndex call": None,
    "LlamaIndex query": 1_500,
}
"""What Spanmeter may add before flush; with export 1.6 times as much."""

Slot = Mapping[str, float]


@dataclass(slots=True)
class Contestant:
    """A process that measures, and the slots it has run."""

    name: str
    python: str
    process: subprocess.Popen[str]
    versions: Mapping[str, str]
    slots: dict[str, list[Slot]] = field(default_factory=dict)

    def ask(self, line: str) -> Any:
        """Have something measured."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def run(self, workload: str) -> None:
        """Run one slot."""
        self.slots.setdefault(workload, []).append(self.ask(workload))

    def best(self, workload: str, figure: str) -> float:
        """The least CPU any slot took, in microseconds an operation."""
        return min(slot[figure] for slot in self.slots[workload])


@contextmanager
def sink() -> Iterator[str]:
    """A receiver in a process of its own, and its address."""
    with subprocess.Popen([sys.executable, HERE / "app_sink.py"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def started(name: str, python: str, *, url: str, stack: ExitStack) -> Contestant | str:
    """A contestant that is ready, or why there is none."""
    command = [python, str(HERE / "app_worker.py"), name.partition("@")[0], url]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    complaints = stack.enter_context(TemporaryFile("w+"))  # noqa: SIM115  a pipe nobody reads would hold them up
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True, env=kept
    )
    stack.enter_context(process)
    stack.callback(process.terminate)
    assert process.stdout is not None
    for line in process.stdout:  # some print of themselves
        answer = json.loads(line) if line.startswith("{") else {}
        if "ready" in answer:
            return Contestant(name, python, process, answer["versions"])
        if "missing" in answer:
            return str(answer["missing"])
    process.wait()
    complaints.seek(0)
    return (complaints.read().strip().splitlines() or ["it ended without a word"])[-1]


def measure(contestants: Sequence[Contestant], *, slots: int) -> None:
    """Let the contestants take turns."""
    for workload in TARGETS_US:
        for _ in range(slots):
            for contestant in contestants:
                contestant.run(workload)


def figures(contestant: Contestant, alone: Contestant, workload: str) -> dict[str, float | str]:
    """What a contestant added to one workload, in microseconds and as a ratio to the application alone."""
    base = alone.best(workload, "before_us")
    before = contestant.best(workload, "before_us") - base
    total = contestant.best(workload, "total_us") - alone.best(workload, "total_us")
    return {
        "contestant": contestant.name,
        "workload": workload,
        "alone_us": base,
        "added_before_flush_us": before,
        "ratio": (base + before) / base,
        "added_with_export_us": total,
    }


def token_us(contestant: Contestant, alone: Contestant) -> float:
    """What each streamed token adds: the stream's addition less the call's."""
    added = {name: figures(contestant, alone, name)["added_before_flush_us"] for name in (STREAM, CALL)}
    return (float(added[STREAM]) - float(added[CALL])) / TOKENS


def table(contestants: Sequence[Contestant]) -> str:
    """The figures as a table, each as `before flush (ratio) / with export`."""
    names = [contestant.name for contestant in contestants if contestant.name != ALONE]
    head = "| CPU us an operation | alone | target | " + " | ".join(names) + " |"
    lines = [head, "|---|" + "---:|" * (2 + len(names))]
    for workload, target in TARGETS_US.items():
        alone = _alone(contestants, contestants[0]).best(workload, "before_us")
        cells = [_cell(figures(one, _alone(contestants, one), workload)) for one in contestants if one.name != ALONE]
        lines.append(f"| {workload} | {alone:,.0f} | {target or ''} | " + " | ".join(cells) + " |")
    tokens = [f"{token_us(one, _alone(contestants, one)):+.2f}" for one in contestants if one.name != ALONE]
    lines.append("| each streamed token | | 1.5 over empty | " + " | ".join(tokens) + " |")
    return "\n".join(lines)


def leak_table(contestants: Sequence[Contestant], *, calls: int) -> str:
    """Memory after the first tenth of many calls and after the last."""
    head = "| contestant | calls | RSS MB, 1st tenth -> last | blocks a call | still open |"
    lines = [head, "|---|---:|---:|---:|---|"]
    for contestant in contestants:
        told = contestant.ask(f"leak {calls}")
        first, last = told["rounds"][0], told["rounds"][-1]
        blocks = (last["blocks"] - first["blocks"]) / (told["calls"] * 0.9)
        rss = f"{first['rss_mb']:.1f} -> {last['rss_mb']:.1f}"
        lines.append(f"| {contestant.name} | {told['calls']:,} | {rss} | {blocks:+.3f} | {told['held']} |")
    return "\n".join(lines)


def _cell(of: Mapping[str, float | str]) -> str:
    before, total = of["added_before_flush_us"], of["added_with_export_us"]
    return f"{before:+,.0f} (x{of['ratio']:.2f}) / {total:+,.0f}"


def _alone(contestants: Sequence[Contestant], one: Contestant) -> Contestant:
    return next(other for other in contestants if other.name == ALONE and other.python == one.python)


def _about(contestants: Sequence[Contestant]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in contestants[0].versions.items())
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {packages}"


def _wanted(names: Sequence[str], pythons: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each contestant with its interpreter, and the application alone once for each interpreter."""
    wanted = [(name, pythons.get(name, sys.executable)) for name in names if name != ALONE]
    alone = [(ALONE, python) for python in dict.fromkeys(python for _, python in wanted)]
    return (alone or [(ALONE, sys.executable)]) + wanted


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--contestants", default="empty,spanmeter", help=f"of {','.join(NAMES)}; `none` always runs")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH", help="its own environment")
    parser.add_argument("--slots", type=int, default=9, help="how often each is measured; the best counts")
    parser.add_argument("--calls", type=int, help="make so many calls and compare memory instead")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    asked = _arguments()
    pythons = dict(pair.split("=", 1) for pair in asked.python)
    with sink() as url, ExitStack() as stack:
        tried = [
            (name, started(name, python, url=url, stack=stack))
            for name, python in _wanted(asked.contestants.split(","), pythons)
        ]
        contestants = [found for _, found in tried if isinstance(found, Contestant)]
        _print(_about(contestants))
        for name, found in tried:
            if isinstance(found, str):
                _print(f"skipped {name}: {found}")
        if asked.calls:
            _print(leak_table(contestants, calls=asked.calls))
            return
        measure(contestants, slots=asked.slots)
        _print(table(contestants))
        if asked.json:
            asked.json.write_text(json.dumps(_all(contestants), indent=2), encoding="utf-8")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _all(contestants: Sequence[Contestant]) -> list[dict[str, Any]]:
    return [
        figures(one, _alone(contestants, one), workload)
        for one in contestants
        if one.name != ALONE
        for workload in TARGETS_US
    ]


if __name__ == "__main__":
    main()

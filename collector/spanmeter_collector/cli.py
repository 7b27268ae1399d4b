"""The command `spanmeter`: finds the sub-command and imports only that one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from spanmeter_collector.console import OutputError, complain, drop_output, flush, say
from spanmeter_collector.extra import MissingExtraError
from spanmeter_collector.setting import SettingError
from spanmeter_collector.sidecar import RefusedError, SidecarError


@dataclass(frozen=True, slots=True)
class Command:
    """A sub-command: what it does, and its module, which has `add_arguments(parser)` and `run(arguments)`.

    One that `passes_on` has no arguments of its own: `run` gets the words as they are.
    """

    summary: str
    module: str
    passes_on: bool = False


COMMANDS: Final = {
    "demo": Command(
        "run a reference RAG with the sidecar and the cost explorer, on real queries", "demo_command", passes_on=True
    ),
    "up": Command("run the sidecar and the cost explorer, until Ctrl-C", "up_command"),
    "collector": Command("run the sidecar alone", "collector_command"),
    "dashboard": Command("run the cost explorer alone", "dashboard_command"),
    "cost": Command("show what calls cost, by model or any other dimension", "cost_command"),
    "latency": Command("show how long steps took, by operation or any other dimension", "latency_command"),
    "traces": Command("list the latest, dearest or slowest traces", "traces_command"),
    "trace": Command("show one trace step by step, with the cost of each", "trace_command"),
    "duplicates": Command("list what was not counted twice, and why", "duplicates_command"),
    "caches": Command(
        "show what caches answered and saved, and how providers' prompt caches are used", "caches_command"
    ),
    "losses": Command("hold what applications counted themselves against the ledger", "losses_command"),
    "budgets": Command("show what budgets allow, what is spent and how long it lasts", "budgets_command"),
    "savings": Command("show what calls would have saved, and on which assumptions", "savings_command"),
    "reconcile": Command("hold a provider's bill against the ledger", "reconcile_command"),
    "doctor": Command("check that this environment counts every call once and right", "doctor_command"),
    "reprice": Command(
        "bring the calls of a period to the present prices, or show what that changes", "reprice_command"
    ),
    "prices": Command("show what a model costs today and why, or which prices there are", "prices_command"),
    "export": Command("write the ledger to a file: CSV, Parquet or FOCUS 1.2", "export_command"),
    "backup": Command("write everything that is stored to a file, while the sidecar goes on", "backup_command"),
    "restore": Command("make a backup the data directory of a sidecar", "restore_command"),
    "price": Command("work out what a provider's response costs, with the arithmetic", "price_command"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sub-command and return its exit status: 0 well, 1 not done, 2 asked wrongly."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in COMMANDS:
        return _run(words[0], words[1:])
    parser = argparse.ArgumentParser(
        prog="spanmeter",
        description="What every answer of an LLM application cost, how long it took and why.",
        epilog="spanmeter COMMAND --help tells more.",
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.summary)
    if parser.parse_args(words).version:
        say(f"spanmeter {import_module('spanmeter.version').__version__}")
        return 0
    parser.print_help(sys.stderr)
    return 2


def _run(name: str, words: Sequence[str]) -> int:
    command = COMMANDS[name]
    module: Any = import_module(f"spanmeter_collector.{command.module}")
    try:
        status = int(module.run(words if command.passes_on else _parse(name, words, module)))
        flush()
    except (MissingExtraError, SettingError, SidecarError, OutputError) as error:
        complain(f"spanmeter {name}: {error}")
        return 2 if isinstance(error, RefusedError) else 1
    except BrokenPipeError:  # whoever read us has seen enough, as in `spanmeter traces | head`
        drop_output()
        return 1
    return status


def _parse(name: str, words: Sequence[str], module: Any) -> argparse.Namespace:  # noqa: ANN401  # a module of ours
    summary = COMMANDS[name].summary
    parser = argparse.ArgumentParser(prog=f"spanmeter {name}", description=f"{summary[0].upper()}{summary[1:]}.")
    module.add_arguments(parser)
    return parser.parse_args(words)

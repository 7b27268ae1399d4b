"""`spanmeter doctor`: does this environment count every call once, with the right tokens and cents?"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any, Final

from spanmeter_collector.console import say, tell_waiting, terminal_width
from spanmeter_collector.doctor_sidecar import ask_sidecar
from spanmeter_collector.sidecar import check_address
from spanmeter_collector.table import harmless
from spanmeter_collector.wording import counted

EXAMINATION_TIMEOUT_S: Final = 300.0
WIDTH: Final = 120
_AUTO: Final = "opentelemetry.instrumentation.auto_instrumentation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to import first, and whether to ask and to send something to the sidecar."""
    parser.epilog = (
        "Asks no provider and needs no key: answers in the providers' wire formats are replayed on loopback, through "
        "the clients installed here. Exit status: 0 no problem, 1 problems."
    )
    parser.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module of yours that switches on other instrumentations; imported before the replays",
    )
    parser.add_argument("--url", default="", help="the sidecar's address, if not where applications send to")
    parser.add_argument("--no-sidecar", action="store_true", help="leave the sidecar out, as in a build")
    parser.add_argument("--send", action="store_true", help="send the sidecar a span and look it up")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 0, or 1 when there is a problem among them.

    Raises:
        RefusedError: The sidecar's address is none.
    """
    if arguments.url:
        check_address(arguments.url)
    tell_waiting("Replaying answers through the clients of LangChain and LlamaIndex; this takes some ten seconds …")
    answer = _examine(arguments)
    if answer["url"]:
        answer["findings"] += ask_sidecar(answer["url"], url=arguments.url, sent=answer["sent"])
    levels = Counter(each["level"] for each in answer["findings"])
    say(json.dumps(answer | {"levels": levels}, indent=2) if arguments.json else _report(answer, levels))
    return int(levels["problem"] > 0)


def _examine(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the examination in a process of its own: what it imports and instruments leaves no trace in this one."""
    modules = [*([f"{_AUTO}.sitecustomize"] if _AUTO in sys.modules else []), *arguments.modules]
    path = [] if arguments.modules else ["-P"]  # what lies in the working directory may hide a package
    command = [
        sys.executable,
        *path,
        "-m",
        "spanmeter.doctor",
        *(word for name in modules for word in ("--import", name)),
    ]
    command += [f"--{name.replace('_', '-')}" for name in ("no_sidecar", "send") if getattr(arguments, name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=EXAMINATION_TIMEOUT_S)  # noqa: S603  ourselves
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return _failed(done.stderr)
    return answer


def _failed(errors: str) -> dict[str, Any]:
    text = f"the examination did not come to its end: {errors.strip().rpartition(chr(10))[2]}"
    advice = f"see why with: {sys.executable} -m spanmeter.doctor"
    finding = {"check": "examination", "level": "problem", "text": text, "advice": advice}
    return {"findings": [finding], "url": "", "sent": "", "spanmeter": "", "python": sys.executable}


def _report(answer: Mapping[str, Any], levels: Mapping[str, int]) -> str:
    lines = [f"Spanmeter {answer['spanmeter']} on Python {answer['python']}", ""]
    lines += [line for finding in answer["findings"] for line in _lines(finding)]
    return "\n".join([*lines, "", _verdict(levels)])


def _lines(finding: Mapping[str, str]) -> Iterable[str]:
    margin, width = " " * 33, min(WIDTH, terminal_width() or WIDTH)
    head = f"{finding['level']:<9}{finding['check']:<24}"
    yield from wrap(harmless(finding["text"]), width, initial_indent=head, subsequent_indent=margin)
    if finding["advice"]:
        yield from wrap(
            f"-> {harmless(finding['advice'])}", width, initial_indent=margin, subsequent_indent=f"{margin}   "
        )


def _verdict(levels: Mapping[str, int]) -> str:
    problems, warnings = (levels.get(level, 0) for level in ("problem", "warning"))
    if not problems and not warnings:
        return "All is well."
    told = [counted(number, word) for number, word in ((problems, "problem"), (warnings, "warning")) if number]
    return f"{' and '.join(told)}; what to do stands behind ->."

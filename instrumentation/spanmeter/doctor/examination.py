"""The examination: every check of this environment, with the replays in processes of their own."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from spanmeter.doctor import backlog, estimates, instrumentors, prices, variables, versions
from spanmeter.doctor.delivery import deliver
from spanmeter.doctor.finding import NO_CLIENT, Finding
from spanmeter.doctor.surroundings import quiet
from spanmeter.version import __version__

FRAMEWORKS: Final = {"langchain": "LangChain", "llama_index": "LlamaIndex"}
REPLAY_TIMEOUT_S: Final = 120.0


def main(words: Sequence[str]) -> int:
    """Examine, and print the JSON object."""
    parser = argparse.ArgumentParser(prog="python -m spanmeter.doctor", description=__doc__)
    parser.add_argument(
        "--import", dest="modules", action="append", default=[], help="import a module before replaying"
    )
    parser.add_argument("--no-sidecar", action="store_true", help="send no request to the sidecar")
    parser.add_argument("--send", action="store_true", help="send the sidecar a span")
    asked = parser.parse_args(words)
    sys.stdout.write(json.dumps(examine(asked.modules, sidecar=not asked.no_sidecar, send=asked.send)))
    return 0


def examine(modules: Sequence[str], *, sidecar: bool, send: bool) -> dict[str, Any]:
    """Every finding, in the order they are told."""
    replays = {framework: _start(framework, modules) for framework in FRAMEWORKS}
    settled = _settled()
    delivery = deliver(send=send) if sidecar else None
    replayed = [finding for framework, process in replays.items() for finding in _replayed(framework, process)]
    delivered = [delivery.finding.as_json()] if delivery else []
    return {
        "spanmeter": __version__,
        "python": f"{platform.python_version()} at {sys.executable}",
        "findings": [*replayed, *_untried(replayed), *(finding.as_json() for finding in settled), *delivered],
        "url": delivery.url if delivery else "",
        "sent": delivery.trace_id if delivery else "",
    }


def _untried(replayed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A warning where a framework is installed, but no client that answers could be replayed through."""
    replays = [each for each in replayed if each["check"].endswith("replay")]
    tried = any(each["level"] != "skipped" for each in replays)
    if tried or not any(each["text"].startswith(NO_CLIENT) for each in replays):
        return []
    text = "no client of a provider is installed here that answers can be replayed through: counting was not tried"
    advice = "run spanmeter doctor in the environment that your application runs in"
    return [Finding.warning("replay", text, advice).as_json()]


def _settled() -> list[Finding]:
    environ = os.environ
    return [
        *versions.check(),
        instrumentors.installed(),
        *instrumentors.switched_on(environ),
        *prices.check(user_file=environ.get("SPANMETER_PRICES", "")),
        *estimates.check(),
        *variables.check(environ),
        *backlog.check(environ),
    ]


def _start(framework: str, modules: Sequence[str]) -> subprocess.Popen[bytes]:
    # Only modules of the user's are looked for in the working directory: what lies there may hide a package.
    path = [] if modules else ["-P"]
    command = [sys.executable, *path, "-m", "spanmeter.doctor.replay", framework]
    command += [word for module in modules for word in ("--import", module)]
    return subprocess.Popen(command, env=quiet(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603  ourselves


def _replayed(framework: str, process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    try:
        output, errors = process.communicate(timeout=REPLAY_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        errors += f"\nno end after {REPLAY_TIMEOUT_S:.0f} s".encode()
    try:
        findings: list[dict[str, Any]] = json.loads(output)
    except ValueError:
        return [_broken(framework, errors).as_json()]
    return findings


def _broken(framework: str, errors: bytes) -> Finding:
    last = errors.decode(errors="replace").strip().rpartition("\n")[2][:300]
    command = f"{sys.executable} -m spanmeter.doctor.replay {framework}"
    return Finding.problem(f"{FRAMEWORKS[framework]} replay", f"it did not run: {last}", f"see why with: {command}")

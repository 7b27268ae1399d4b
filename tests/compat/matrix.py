"""Runs the scenarios of this folder on several versions of the frameworks, each in an environment of its own.

    python tests/compat/matrix.py [--write-readme] [VERSIONS ...]

VERSIONS is one line of `PAIRS`, such as 0.3.86-0.2.76-0.11.23; all of them if none is given. The environments stay in
`.venv-compat`, some 400 MB each; the first time pip takes two to three minutes for each, uv far less if there is one.
Exits with 1 if a scenario fails on any version.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

import pytest

ROOT: Final = Path(__file__).parents[2]
HERE: Final = Path(__file__).parent.relative_to(ROOT)
ENVIRONMENTS: Final = ROOT / ".venv-compat"
OTHERS: Final = (
    "langchain-community<0.4.2",  # llama-index-llms-langchain imports it and does not require it
    "langchain-openai",
    "llama-index-embeddings-openai",
    "llama-index-llms-langchain",
    "pytest",
    "pytest-asyncio",
)
GROUPS: Final[Mapping[str, str]] = {
    "test_langchain": "LangChain",
    "test_langgraph": "LangGraph",
    "test_llama_index": "LlamaIndex",
    "test_across": "Together",
    "test_random": "At random",
}
RANDOM: Final = "0:20"
"""The applications drawn at random, unless `SPANMETER_RANDOM` in the environment says which."""
_BLOCK: Final = re.compile(r"(?<=<!-- compat -->\n).*(?=<!-- /compat -->)", re.DOTALL)


class Pair(NamedTuple):
    """Versions that install together; `llms_openai` where the newest that installs with them fails to import."""

    langchain: str
    langgraph: str
    llama_index: str
    llms_openai: str = ""

    @property
    def name(self) -> str:
        """The pair as one word."""
        return "-".join(self.frameworks)

    @property
    def frameworks(self) -> tuple[str, str, str]:
        """Of langchain-core, langgraph and llama-index-core."""
        return self[:3]

    def requirements(self) -> tuple[str, ...]:
        """What is installed beside Spanmeter."""
        pinned = zip(("langchain-core", "langgraph", "llama-index-core"), self.frameworks, strict=True)
        llms_openai = f"llama-index-llms-openai{self.llms_openai}"
        chains = "langchain<1" if self.langchain.startswith("0.") else "langchain-classic"
        return *(f"{name}=={version}" for name, version in pinned), llms_openai, chains, *OTHERS


PAIRS: Final = (
    Pair("0.3.86", "0.2.76", "0.11.23"),
    Pair("0.3.86", "0.2.76", "0.12.52.post1"),
    Pair("0.3.86", "0.6.11", "0.13.6", llms_openai="<0.6"),
    Pair("0.3.86", "1.0.1", "0.14.25"),
    Pair("1.7.2", "1.2.22", "0.14.25"),
)


@dataclass(slots=True)
class Cell:
    """The scenarios of one group on one pair; `limits` are reasons why a framework cannot tell what is asked for."""

    passed: int
    total: int
    limits: tuple[str, ...]


def main() -> int:
    """Run, print the table and say by the exit code whether everything holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", metavar="VERSIONS")
    parser.add_argument("--write-readme", action="store_true", help="put the table into the README")
    asked = parser.parse_args()
    if unknown := set(asked.versions) - {pair.name for pair in PAIRS}:
        parser.error(f"{', '.join(sorted(unknown))} is none of {', '.join(pair.name for pair in PAIRS)}")
    pairs = [pair for pair in PAIRS if pair.name in (asked.versions or [pair.name])]
    results = {pair: _run(pair) for pair in pairs}
    table = "\n".join(_table(results)) + "\n"
    _say(table)
    if asked.write_readme:
        readme = ROOT / "README.md"
        readme.write_text(_BLOCK.sub(lambda _: table, readme.read_text(encoding="utf-8")), encoding="utf-8")
    return int(any(_failed(row) for row in results.values()))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _run(pair: Pair) -> dict[str, Cell]:
    python = _environment(pair)
    report = ENVIRONMENTS / pair.name / "report.xml"
    report.unlink(missing_ok=True)
    _say(f"{pair.name}: running the scenarios")
    # Warnings of versions that nobody mends any more are none of ours.
    options = ["--quiet", "-o", "filterwarnings=default", "-p", "no:cacheprovider", "--disable-warnings"]
    files = [path for group in GROUPS for path in sorted((ROOT / HERE).glob(f"{group}*.py"))]
    drawn = {"SPANMETER_RANDOM": RANDOM, **os.environ}
    command: list[str | Path] = [python, "-m", "pytest", *files, *options, f"--junitxml={report}"]
    ran = subprocess.run(command, cwd=ROOT, env=drawn, check=False)
    if ran.returncode > pytest.ExitCode.TESTS_FAILED or not report.exists():
        raise SystemExit(f"{pair.name}: the scenarios did not run")
    cases = list(ET.parse(report).iter("testcase"))
    return {group: _cell(case for case in cases if f".{group}" in f".{case.get('classname')}") for group in GROUPS}


def _environment(pair: Pair) -> Path:
    """Return the Python of the pair's environment, made and filled if what it should hold has changed."""
    home = ENVIRONMENTS / pair.name
    python, made_of = home / "bin" / "python", home / "made-of"
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    wanted = hashlib.sha256(repr((*own, *pair.requirements())).encode()).hexdigest()
    if not made_of.exists() or made_of.read_text(encoding="ascii") != wanted:
        _say(f"{pair.name}: installing")
        venv.create(home, with_pip=True, symlinks=True)
        subprocess.run([*_installer(python), "--editable", ".", *pair.requirements()], cwd=ROOT, check=True)
        made_of.write_text(wanted, encoding="ascii")
    return python


def _installer(python: Path) -> tuple[str | Path, ...]:
    """Install with uv where there is one, as the Makefile does."""
    if uv := shutil.which("uv"):
        return uv, "pip", "install", "--quiet", "--python", python
    return python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"


def _cell(cases: Iterable[ET.Element]) -> Cell:
    passed, total, limits = 0, 0, []
    for case in cases:
        outcomes = {outcome.tag: outcome.get("message") or "" for outcome in case if outcome.tag != "properties"}
        limits += [reason for tag, reason in outcomes.items() if tag == "skipped"]
        passed, total = passed + (not outcomes), total + 1
    return Cell(passed, total, tuple(limits))


def _failed(row: Mapping[str, Cell]) -> bool:
    return any(cell.total == 0 or cell.passed + len(cell.limits) < cell.total for cell in row.values())


def _table(results: Mapping[Pair, Mapping[str, Cell]]) -> Iterator[str]:
    notes: list[str] = []
    yield "| langchain-core | langgraph | llama-index-core | " + " | ".join(GROUPS.values()) + " |"
    yield "|---|---|---|" + "---|" * len(GROUPS)
    for pair, row in results.items():
        cells = [_text(cell, notes) for cell in row.values()]
        yield f"| {' | '.join([*pair.frameworks, *cells])} |"
    for number, reason in enumerate(notes, 1):
        yield f"\n{number}) {reason}"


def _text(cell: Cell, notes: list[str]) -> str:
    notes += [reason for reason in dict.fromkeys(cell.limits) if reason not in notes]
    marks = "".join(f" {notes.index(reason) + 1})" for reason in dict.fromkeys(cell.limits))
    return f"{cell.passed}/{cell.total}{marks}"


if __name__ == "__main__":
    sys.exit(main())

"""Whether the installed versions of the frameworks are among those that Spanmeter's tests pass on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Final, Self

from spanmeter.doctor.finding import Finding

CHECK: Final = "versions"
Release = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """The versions of a framework that the tests pass on, ascending, and the oldest release it is written for."""

    package: str
    versions: tuple[str, ...]
    oldest: str

    @classmethod
    def load(cls) -> list[Self]:
        """Read what is shipped."""
        told = tomllib.loads((files("spanmeter.doctor") / "tested.toml").read_text(encoding="utf-8"))
        return [
            cls(package, tuple(sorted({pair[package] for pair in told["pairs"]}, key=_release)), oldest)
            for package, oldest in told["oldest"].items()
        ]

    def finding(self, installed: str) -> Finding:
        """What is to be said of an installed version: a patch of a tested minor release counts as tested."""
        name, release = f"{self.package} {installed}", _release(installed)
        newest = self.versions[-1]
        if release < _release(self.oldest):
            text = f"{name} is older than Spanmeter supports"
            return Finding.problem(CHECK, text, f"pip install -U '{self.package}>={self.oldest}'")
        if release[:2] in {_release(tested)[:2] for tested in self.versions}:
            return Finding.ok(CHECK, f"{name}: tested ({', '.join(self.versions)})")
        if release < _release(newest):
            return Finding.ok(CHECK, f"{name}: between versions that are tested ({', '.join(self.versions)})")
        text = f"{name} is newer than the newest tested, {newest}"
        return Finding.warning(CHECK, text, "trust the replay above, and look for a newer spanmeter")


def check() -> Iterator[Finding]:
    """One finding for each framework."""
    installed = {tested.package: _installed(tested.package) for tested in Tested.load()}
    for tested in Tested.load():
        name = installed[tested.package]
        yield tested.finding(name) if name else Finding.skipped(CHECK, f"{tested.package} is not installed: skipped")
    yield from _nothing(installed)


def _nothing(installed: Mapping[str, str]) -> Iterator[Finding]:
    if not any(installed.values()):
        text = "neither LangChain nor LlamaIndex is installed here, so there is nothing to measure"
        yield Finding.problem(CHECK, text, "run spanmeter doctor in the environment of your application")


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _release(version: str) -> Release:
    """The numbers before any suffix: 0.12.52.post1 is (0, 12, 52)."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, match[0].split("."))) if match else ()

"""What the READMEs promise exists: files, make targets, commands, folders with a description."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import spanmeter

ROOT = Path(__file__).parents[1]
TRACKED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
PAGES = [ROOT / name for name in TRACKED.split()]


def said(pattern: str) -> set[str]:
    return {match for page in PAGES for match in re.findall(pattern, page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert said(r"(?m)(?:^|`)make ([a-z-]+)") <= targets


def test_every_command_that_is_named_exists() -> None:
    command = [sys.executable, "-m", "spanmeter_collector", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    commands = set(re.findall(r"^    ([a-z]+)", shown, re.MULTILINE))
    assert said(r"(?m)(?:^|`)spanmeter ([a-z]+)") <= commands


@pytest.mark.parametrize("folder", ["instrumentation", "collector", "dashboard", "grafana", "deploy", "tests"])
def test_every_top_folder_says_what_it_is(folder: str) -> None:
    assert (ROOT / folder / "README.md").read_text(encoding="utf-8").startswith("# ")


def test_the_package_offers_few_names_in_order() -> None:
    assert spanmeter.__all__ == sorted(spanmeter.__all__)
    assert len(spanmeter.__all__) <= 8

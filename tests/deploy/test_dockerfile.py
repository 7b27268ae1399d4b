from __future__ import annotations

import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def dockerfile(repository: Path) -> str:
    return (repository / "deploy" / "Dockerfile").read_text(encoding="utf-8")


def test_hadolint_finds_nothing(repository: Path) -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"

    check = subprocess.run(
        [hadolint, "Dockerfile"], cwd=repository / "deploy", capture_output=True, text=True, check=False
    )

    assert (check.returncode, check.stdout) == (0, "")


def test_every_build_in_the_compose_file_has_its_target(services: dict[str, dict[str, Any]], dockerfile: str) -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, flags=re.MULTILINE))

    assert {service["build"]["target"] for service in services.values() if "build" in service} <= targets


def test_no_container_runs_as_root(dockerfile: str) -> None:
    runtime = dockerfile.split("AS runtime")[1]

    assert re.findall(r"^USER (.+)$", runtime, flags=re.MULTILINE) == ["10001:10001"]


def test_what_it_copies_is_sent_to_the_builder(repository: Path, dockerfile: str) -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--)(.+)$", dockerfile, flags=re.MULTILINE)
        for source in line.split()[:-1]
    }
    sent = {
        line[1:] for line in (repository / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }

    assert copied == sent
    assert [source for source in copied if not (repository / source).exists()] == []


def test_every_package_of_the_wheel_is_copied(repository: Path, dockerfile: str) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]

    assert [path for path in packages if f"COPY {path.rpartition('/')[0]} " not in dockerfile] == []


def test_it_installs_extras_that_exist(repository: Path, dockerfile: str) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))

    assert set(re.findall(r'"\$1\[(\w+)\]"', dockerfile)) == {"collector", "dashboard", "demo"}
    assert {"collector", "dashboard", "demo"} <= set(project["project"]["optional-dependencies"])

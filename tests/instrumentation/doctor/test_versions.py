"""Which versions are taken for tested."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from spanmeter.doctor import versions
from spanmeter.doctor.finding import Finding

MATRIX = Path(__file__).parents[2] / "compat" / "matrix.py"
CORE = versions.Tested("langchain-core", ("0.3.86", "1.7.2"), "0.3")


def test_what_is_shipped_as_tested_is_what_the_compatibility_tests_run_on() -> None:
    spec = importlib.util.spec_from_file_location("matrix", MATRIX)
    assert spec is not None
    assert spec.loader is not None
    matrix = sys.modules["matrix"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(matrix)
    told = tomllib.loads((files("spanmeter.doctor") / "tested.toml").read_text(encoding="utf-8"))
    assert [tuple(pair.values()) for pair in told["pairs"]] == [pair.frameworks for pair in matrix.PAIRS]


@pytest.mark.parametrize(
    ("installed", "finding"),
    [
        ("0.3.86", Finding.ok("versions", "langchain-core 0.3.86: tested (0.3.86, 1.7.2)")),
        ("1.7.9rc1", Finding.ok("versions", "langchain-core 1.7.9rc1: tested (0.3.86, 1.7.2)")),
        ("1.2.0", Finding.ok("versions", "langchain-core 1.2.0: between versions that are tested (0.3.86, 1.7.2)")),
        (
            "1.10",
            Finding.warning(
                "versions",
                "langchain-core 1.10 is newer than the newest tested, 1.7.2",
                "trust the replay above, and look for a newer spanmeter",
            ),
        ),
        (
            "0.2.43",
            Finding.problem(
                "versions",
                "langchain-core 0.2.43 is older than Spanmeter supports",
                "pip install -U 'langchain-core>=0.3'",
            ),
        ),
    ],
)
def test_an_installed_version_is_compared_with_those_that_are_tested(installed: str, finding: Finding) -> None:
    assert CORE.finding(installed) == finding

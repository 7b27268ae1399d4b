"""Programs of the operating system that some tests need; without them those tests skip and say what to install."""

from __future__ import annotations

import shutil

import pytest

PROGRAMS = {"browser": "chromium", "prometheus": "prometheus"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, program in PROGRAMS.items():
        if shutil.which(program):
            continue
        skip = pytest.mark.skip(reason=f"needs {program}; on Debian: apt install {program}")
        for item in items:
            if marker in item.keywords:
                item.add_marker(skip)

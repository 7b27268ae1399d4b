"""Programs of the operating system that some tests need, without which they skip, and a spool that is nobody's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

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


@pytest.fixture(scope="session", autouse=True)
def _spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep spans that no sidecar took out of the developer's own spool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPANMETER_SPOOL_DIR", str(tmp_path_factory.mktemp("spool")))
        yield

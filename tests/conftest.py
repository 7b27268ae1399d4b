"""What holds for all tests: programs some of them need, a spool, no key for hashes, and when garbage is collected."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator

import pytest

PROGRAMS = {"browser": "chromium", "prometheus": "prometheus"}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Keep all cores busy while tests wait for other processes."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker, program in PROGRAMS.items():
        if shutil.which(program):
            continue
        skip = pytest.mark.skip(reason=f"needs {program}; on Debian: apt install {program}")
        for item in items:
            if marker in item.keywords:
                item.add_marker(skip)


def pytest_collection_finish() -> None:
    """Have no collection of garbage look through the frameworks, the tests and all else that stays to the end."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Collect garbage between tests, not inside them.

    A dropped stream of OpenAI's client that the collector closes while httpcore holds the lock of the same connection
    pool waits for that lock for ever, with and without Spanmeter.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep spans that no sidecar took out of the developer's own spool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPANMETER_SPOOL_DIR", str(tmp_path_factory.mktemp("spool")))
        patch.setenv("SPANMETER_HASH_KEY", "off")  # tests of spans that carry no hash compare all their attributes
        yield

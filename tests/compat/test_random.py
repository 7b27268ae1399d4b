"""Applications drawn at random: whatever they are made of, what the provider served is what is counted.

`SPANMETER_RANDOM=1000:4000` in the environment runs those seeds instead of the usual ones.
"""

from __future__ import annotations

import gc
import logging
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.compat.audit import Auditor, Begun, Complaints, shrunk
from tests.compat.desk import Desk, serving
from tests.compat.program import drawn, smaller

FIRST, LAST = (int(number) for number in os.environ.get("SPANMETER_RANDOM", "0:60").split(":"))
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def provider() -> Iterator[Desk]:
    with serving() as desk:
        yield desk


@pytest.fixture
def auditor(
    app: Any,
    provider: Desk,
    exporter: InMemorySpanExporter,
    tracer_provider: TracerProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Auditor]:
    begun, complaints = Begun(), Complaints()
    tracer_provider.add_span_processor(begun)
    logging.getLogger().addHandler(complaints)
    # pytest keeps the errors of threads, and with them the streams on their stacks, to the end of the test.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    gc.disable()  # or it closes a dropped stream while httpcore holds the lock that closing takes, and waits for ever
    yield Auditor(app, provider, exporter, tracer_provider, begun, complaints)
    gc.enable()
    logging.getLogger().removeHandler(complaints)


@pytest.mark.parametrize("seed", range(FIRST, LAST))
async def test_a_random_application(seed: int, auditor: Auditor) -> None:
    program = drawn(seed)
    if broken := await auditor.audit(program):
        smallest = await shrunk(program, auditor.audit, smaller)
        pytest.fail(f"{broken}\nstill broken: {await auditor.audit(smallest)}\nby {smallest}")

from __future__ import annotations

import pytest

from spanmeter_rag.provider.faults import Fault, Faults


def test_the_same_seed_refuses_the_same_requests() -> None:
    bodies = [f"body {index}".encode() for index in range(300)]
    first, second = (Faults(rate=0.1, seed=1) for _ in range(2))
    assert [first.check(body) for body in bodies] == [second.check(body) for body in bodies]


def test_about_the_share_asked_for_is_refused_by_both_kinds() -> None:
    faults = Faults(rate=0.1, seed=1)
    found = [fault for index in range(2000) if (fault := faults.check(str(index).encode()))]
    assert len(found) / 2000 == pytest.approx(0.1, abs=0.02)
    assert {fault.status for fault in found} == {429, 500}
    assert all(fault.retry_after_ms for fault in found if fault.status == 429)


def test_no_request_is_refused_three_times_in_a_row() -> None:
    faults = Faults(rate=1.0, seed=1)
    answered = [faults.check(b"body") is None for _ in range(6)]
    assert answered == [False, False, True, False, False, True]


def test_a_rate_of_zero_refuses_nothing() -> None:
    faults = Faults(rate=0.0, seed=1)
    found: list[Fault | None] = [faults.check(str(index).encode()) for index in range(100)]
    assert found == [None] * 100

from __future__ import annotations

from statistics import mean, median

import pytest

from spanmeter_rag.provider.chance import draw, spread


def test_the_same_parts_draw_the_same_number() -> None:
    assert draw("fault", 1, "body", 0) == draw("fault", 1, "body", 0)
    assert draw("fault", 1, "body", 0) != draw("fault", 2, "body", 0)


def test_numbers_fill_the_unit_interval_evenly() -> None:
    numbers = [draw("x", index) for index in range(2000)]
    assert 0 <= min(numbers) < 0.01
    assert 0.99 < max(numbers) < 1
    assert mean(numbers) == pytest.approx(0.5, abs=0.03)


def test_latencies_spread_around_one_with_a_longer_tail_upwards() -> None:
    factors = [spread(draw("y", index)) for index in range(2000)]
    assert median(factors) == pytest.approx(1.0, abs=0.05)
    assert max(factors) - 1 > 2 * (1 - min(factors))

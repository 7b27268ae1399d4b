"""Quantiles are within one percent of the true ones, whatever the durations."""

from __future__ import annotations

import math
import random

import pytest

from spanmeter.sketch import ERROR, LONGEST_S, SHORTEST_S, Sketch, merged

SHARES = (0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 1.0)


def drawn(draw: str, *parameters: float, times: int = 3_000) -> list[float]:
    chance = random.Random(1)
    return [getattr(chance, draw)(*parameters) for _ in range(times)]


def sketch_of(durations: list[float]) -> Sketch:
    sketch = Sketch()
    for seconds in durations:
        sketch.add(seconds, failed=False)
    return sketch


def true_quantile(durations: list[float], share: float) -> float:
    return sorted(durations)[max(1, math.ceil(share * len(durations))) - 1]


@pytest.mark.parametrize(
    "durations",
    [
        pytest.param(drawn("expovariate", 2), id="exponential"),
        pytest.param(drawn("lognormvariate", -4, 2), id="over many decades"),
        pytest.param([0.25] * 40, id="all the same"),
        pytest.param([1e-6, 3600.0], id="two far apart"),
        pytest.param([3.0], id="one"),
    ],
)
def test_quantiles_are_within_the_error(durations: list[float]) -> None:
    sketch = sketch_of(durations)

    for share in SHARES:
        assert sketch.quantile(share) == pytest.approx(true_quantile(durations, share), rel=ERROR + 1e-9)
    assert (sketch.count, sketch.min_s, sketch.max_s) == (len(durations), min(durations), max(durations))
    assert sketch.total_s == pytest.approx(math.fsum(durations))


def test_what_is_merged_tells_the_same_as_one_sketch() -> None:
    durations = drawn("expovariate", 1, times=500)
    whole = merged([sketch_of(durations[:100]), sketch_of(durations[100:]), Sketch()])

    assert [whole.quantile(share) for share in SHARES] == [sketch_of(durations).quantile(share) for share in SHARES]
    assert (whole.count, whole.min_s, whole.max_s) == (500, min(durations), max(durations))


def test_any_durations_take_a_bounded_number_of_buckets() -> None:
    sketch = sketch_of([*(10**exponent for exponent in drawn("uniform", -30, 30, times=20_000)), 0.0])

    bound = (math.log(LONGEST_S) - math.log(SHORTEST_S)) / math.log((1 + ERROR) / (1 - ERROR)) + 2
    assert 1_000 < len(sketch._buckets) <= bound
    assert sketch.min_s == 0
    assert sketch.quantile(0) == pytest.approx(SHORTEST_S, rel=ERROR)


def test_an_empty_sketch_has_no_quantile() -> None:
    assert (Sketch().quantile(0.5), Sketch().count) == (0.0, 0)


def test_what_failed_is_counted_apart() -> None:
    sketch = Sketch()
    sketch.add(1.0, failed=True)
    sketch.add(1.0, failed=False)
    assert (sketch.count, sketch.failed, merged([sketch, sketch]).failed) == (2, 1, 2)

"""Our histograms tell what prometheus_client's would."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from spanmeter import semconv
from spanmeter.histogram import MAX_LABEL_SETS, OVERFLOW, Histogram

LABELS = ("model", "error_type")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def histogram(registry: CollectorRegistry) -> Histogram:
    histogram = Histogram("took_seconds", "How long it took", LABELS, buckets=semconv.DURATION_BUCKETS)
    registry.register(histogram)
    return histogram


def values() -> Iterator[float]:
    yield from semconv.DURATION_BUCKETS
    yield from (0, 1e9, float("inf"))
    yield from (random.Random(7).expovariate(1) for _ in range(200))


def told(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_it_tells_what_the_librarys_own_tells(histogram: Histogram, registry: CollectorRegistry) -> None:
    theirs = CollectorRegistry()
    own = prometheus_client.Histogram(
        "took_seconds", "How long it took", LABELS, buckets=semconv.DURATION_BUCKETS, registry=theirs
    )
    for number, value in enumerate(values()):
        labels = (f"model-{number % 3}", "")
        histogram.observe(value, labels)
        own.labels(*labels).observe(value)

    assert told(registry) == told(theirs)


def test_label_values_beyond_the_bound_share_one_set(histogram: Histogram, registry: CollectorRegistry) -> None:
    for number in range(MAX_LABEL_SETS + 50):
        histogram.observe(0.5, (f"model-{number}", ""))

    shared = dict.fromkeys(LABELS, OVERFLOW)
    assert registry.get_sample_value("took_seconds_count", shared) == 50
    assert sum("took_seconds_count" in line for line in told(registry)) == MAX_LABEL_SETS + 1


def test_threads_lose_no_value(histogram: Histogram, registry: CollectorRegistry) -> None:
    def observe() -> None:
        for _ in range(2_000):
            histogram.observe(1.0, ("model", ""))

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert registry.get_sample_value("took_seconds_sum", {"model": "model", "error_type": ""}) == 8_000

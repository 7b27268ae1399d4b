from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from spanmeter_rag.effects import EFFECTS, EffectCounters, note, searching


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    times: list[float] = []
    monkeypatch.setattr(time, "perf_counter", lambda: times.pop(0))
    yield times
    monkeypatch.undo()


def test_effects_stand_on_the_span_in_the_metrics_and_in_the_reply(registry: CollectorRegistry) -> None:
    counters = EffectCounters(registry)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with tracer.start_as_current_span("query") as span, counters.gather() as told:
        note("retry", seconds=0.5)
        note("retry", seconds=0.25)
        note("context_limit", tokens=40)

    assert told == {"retry": {"count": 2, "seconds": 0.75}, "context_limit": {"count": 1, "tokens": 40}}
    assert dict(getattr(span, "attributes", {})) == {
        "rag.retry.count": 2,
        "rag.retry.seconds": 0.75,
        "rag.context_limit.count": 1,
        "rag.context_limit.tokens": 40,
    }
    assert registry.get_sample_value("rag_effects_total", {"effect": "retry"}) == 2
    assert registry.get_sample_value("rag_effect_seconds_total", {"effect": "retry"}) == 0.75
    assert registry.get_sample_value("rag_effect_tokens_total", {"effect": "context_limit"}) == 40


def test_the_effects_on_a_question_that_fails_count_too(registry: CollectorRegistry) -> None:
    counters = EffectCounters(registry)

    def fail() -> None:
        with counters.gather():
            note("retry", seconds=0.5)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert registry.get_sample_value("rag_effects_total", {"effect": "retry"}) == 1


def test_every_effect_has_a_count_from_the_start(registry: CollectorRegistry) -> None:
    EffectCounters(registry)
    assert {
        name: registry.get_sample_value("rag_effects_total", {"effect": name}) for name in EFFECTS
    } == dict.fromkeys(EFFECTS, 0)


def test_outside_of_a_question_nobody_counts(registry: CollectorRegistry) -> None:
    counters = EffectCounters(registry)
    note("retry", seconds=0.5)
    with searching():
        pass
    with counters.gather() as told:
        pass
    assert told == {}


@pytest.mark.parametrize(
    ("times", "saved"),
    [
        pytest.param([0.0, 0.0, 2.0, 3.0], 2.0, id="at once"),
        pytest.param([0.0, 1.5, 2.0, 3.0], 0.5, id="one starts later"),
    ],
)
def test_searches_beside_each_other_save_what_they_overlap(
    registry: CollectorRegistry, ticks: list[float], times: list[float], saved: float
) -> None:
    counters = EffectCounters(registry)
    ticks += times
    with counters.gather() as told, searching(), searching():
        pass
    # The inner one ends first: it ran from the second time to the third, the outer from the first to the fourth.
    assert told == {"parallel_search": {"count": 1, "seconds": saved}}


def test_searches_one_after_the_other_save_nothing(registry: CollectorRegistry, ticks: list[float]) -> None:
    counters = EffectCounters(registry)
    ticks += [0.0, 1.0, 1.0, 2.0]
    with counters.gather() as told:
        for _ in range(2):
            with searching():
                pass
    assert told == {}

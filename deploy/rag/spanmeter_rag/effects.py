"""What the settings did for one question: how often each came into play, and what it saved or cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter

EFFECTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "retry": "Attempts after the first; cost seconds of waiting.",
        "breaker": "Attempts not made because the model failed so often; saved requests.",
        "fallback": "Questions that another model was asked.",
        "degraded": "Questions answered without a model, by the passages that fit.",
        "routing": "Questions a small model found simple enough for a small model.",
        "context_limit": "Contexts cut to the budget; saved tokens.",
        "top_k": "Searches that found more than is kept; saved tokens.",
        "parallel_search": "Searches of several indexes at once; saved seconds.",
        "embedding_batch": "Requests that embedded many passages; saved requests.",
    }
)
"""Every effect, and what its count and its amounts mean."""
UNITS: Final = ("seconds", "tokens", "requests")


@dataclass(slots=True)
class Effect:
    """How often a setting came into play, and what that saved or cost."""

    count: int = 0
    seconds: float = 0.0
    tokens: int = 0
    requests: int = 0

    def as_dict(self) -> dict[str, float]:
        """Return the count and the amounts that are not zero."""
        amounts = {unit: round(getattr(self, unit), 4) for unit in UNITS}
        return {"count": self.count} | {unit: amount for unit, amount in amounts.items() if amount}


@dataclass(slots=True)
class Effects:
    """The effects on one question; threads and tasks that work on it share them."""

    _by_name: dict[str, Effect] = field(default_factory=dict)
    _searches: list[tuple[float, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, *, seconds: float = 0.0, tokens: int = 0, requests: int = 0) -> None:
        """Count one effect."""
        with self._lock:
            effect = self._by_name.setdefault(name, Effect())
            effect.count += 1
            effect.seconds += seconds
            effect.tokens += tokens
            effect.requests += requests

    def add_search(self, started: float, ended: float) -> None:
        """Note when one index was searched."""
        with self._lock:
            self._searches.append((started, ended))

    def close(self) -> Mapping[str, Effect]:
        """Return all effects; searches that ran beside each other saved what their times overlap."""
        together = sum(ended - started for started, ended in self._searches)
        saved = together - _covered(self._searches)
        if saved > 0:
            self.add("parallel_search", seconds=saved)
        return {name: self._by_name[name] for name in EFFECTS if name in self._by_name}


_current: Final[ContextVar[Effects | None]] = ContextVar("rag-effects", default=None)


def note(name: str, *, seconds: float = 0.0, tokens: int = 0, requests: int = 0) -> None:
    """Count an effect on the question that is being answered; outside of one nobody counts."""
    if (effects := _current.get()) is not None:
        effects.add(name, seconds=seconds, tokens=tokens, requests=requests)


@contextmanager
def searching() -> Iterator[None]:
    """Time the search of one index."""
    started = time.perf_counter()
    try:
        yield
    finally:
        if (effects := _current.get()) is not None:
            effects.add_search(started, time.perf_counter())


class EffectCounters:
    """Gathers effects by question, writes them on its span and adds them up for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counts = Counter("rag_effects", "How often a setting came into play.", ["effect"], registry=registry)
        self._amounts = {
            unit: Counter(f"rag_effect_{unit}", f"What it saved or cost in {unit}.", ["effect"], registry=registry)
            for unit in UNITS
        }
        for name in EFFECTS:
            self._counts.labels(name)

    @contextmanager
    def gather(self) -> Iterator[dict[str, dict[str, float]]]:
        """Gather the effects of a block, also of one that fails; what is yielded is filled when the block ends.

        They then stand on the current span as `rag.<effect>.<unit>`, and are added up.
        """
        effects, told = Effects(), dict[str, dict[str, float]]()
        token = _current.set(effects)
        try:
            yield told
        finally:
            _current.reset(token)
            told |= self._publish(effects)

    def _publish(self, effects: Effects) -> dict[str, dict[str, float]]:
        span, closed = trace.get_current_span(), effects.close()
        for name, effect in closed.items():
            said = effect.as_dict()
            span.set_attributes({f"rag.{name}.{unit}": amount for unit, amount in said.items()})
            self._counts.labels(name).inc(effect.count)
            for unit, counter in self._amounts.items():
                counter.labels(name).inc(getattr(effect, unit))
        return {name: effect.as_dict() for name, effect in closed.items()}


def _covered(intervals: list[tuple[float, float]]) -> float:
    """Return how much time the intervals cover, each moment once."""
    covered, reached = 0.0, float("-inf")
    for started, ended in sorted(intervals):
        covered += max(0.0, ended - max(started, reached))
        reached = max(reached, ended)
    return covered

"""A shape: what spans have in common that carry the same keys and, where it decides, say the same.

The spans of one place in a program are of one shape. What their keys mean is found out once for each shape, from one
of its spans and by the code that reads any span; the rest of them differ in texts and numbers at places that are known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple, Self

from spanmeter import semconv
from spanmeter.pricing import PriceKey
from spanmeter_collector.number import count, dollars, nanoseconds
from spanmeter_collector.otlp import Value, text
from spanmeter_collector.raw_usage import RAW_USAGE_KEYS
from spanmeter_collector.reading import (
    LANGSMITH_COMPLETION,
    Layout,
    Reading,
    is_half,
    layout_of,
    read,
    usage_of,
    winners,
)
from spanmeter_collector.row import CANCELLED, LANGFUSE_RUN
from spanmeter_collector.sighting import is_our_scope
from spanmeter_collector.vocabulary import OPERATION_KEYS, TEXT_KEYS

DECIDING: Final = frozenset(
    {
        *OPERATION_KEYS,
        *(
            key
            for name in ("framework", "provider", "request_model", "model", "outcome", "service_tier", "region")
            for key in TEXT_KEYS[name]
        ),
        semconv.WRAPPER,
        semconv.INSIDE_CALL,
        semconv.USAGE_GRADE,
    }
)
"""Keys that say something else in spans of another shape."""
_TELLING: Final = frozenset(
    {
        *RAW_USAGE_KEYS,
        semconv.USAGE_PARTS,
        semconv.INSTRUMENTED,
        semconv.CACHE_HIT,
        LANGFUSE_RUN,
        LANGSMITH_COMPLETION,
    }
)
_PLAIN: Final = (str, bool, int, float)
_NUMBERS: Final = frozenset({semconv.CALLS, semconv.REPORTED_COST_USD, semconv.TIME_TO_FIRST_CHUNK})
_COUNTED: Final = {
    "input_total": "input_at",
    "output_total": "output_at",
    **{name: f"{name}_at" for name in ("cache_read", "cache_write", "cache_write_5m", "cache_write_1h", "reasoning")},
}
"""The counts that the engine can bill, and where it is told their places."""
_CACHED: Final = {
    semconv.CACHE_NAME: "cache_at",
    semconv.CACHE_RESULT: "cache_result_at",
    semconv.CACHE_HITS: "cache_hits_at",
    semconv.CACHE_MISSES: "cache_misses_at",
    semconv.CACHE_UNPRICED_HITS: "cache_unpriced_at",
    semconv.CACHE_SAVED_USD: "cache_saved_at",
}
"""What a span tells of requests to caches, and where the engine is told its places."""
_UNCOUNTED: Final = frozenset({semconv.CALLS, semconv.REPORTED_COST_USD})
_PLACED: Final = frozenset({"error_type", "response_id", "user", "session", "tenant", "feature", "team"})


class ShapeRow(NamedTuple):
    """One row of table `shapes`; every field is a column of that name."""

    shape: int
    telling: bool = True
    measured: bool = False
    cancelled: bool = False
    framework: str = ""
    operation: str = ""
    provider: str = ""
    request_model: str = ""
    model: str = ""
    wrapper: bool = False
    error_type_at: int = 0
    response_id_at: int = 0
    user_at: int = 0
    session_at: int = 0
    tenant_at: int = 0
    feature_at: int = 0
    team_at: int = 0
    said_at: Sequence[int] = ()
    rest: Sequence[bool] = ()
    counted: bool = False
    input_at: int = 0
    output_at: int = 0
    cache_read_at: int = 0
    cache_write_at: int = 0
    cache_write_5m_at: int = 0
    cache_write_1h_at: int = 0
    reasoning_at: int = 0
    first_chunk_at: int = 0
    tag: Sequence[bool] = ()
    tags: Sequence[str] = ()
    cache_at: int = 0
    cache_result_at: int = 0
    cache_hits_at: int = 0
    cache_misses_at: int = 0
    cache_unpriced_at: int = 0
    cache_saved_at: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of all spans of a shape; `said` are the keys whose texts make a reading of one of them."""

    scope: str
    keys: Sequence[str]
    layout: Layout
    example: Reading
    said: Sequence[str]

    @classmethod
    def of(cls, known: Mapping[str, Value], *, scope: str, content: bool) -> Self | None:
        """The shape of a span with these attributes; None where Python has to read each span of its kind alone."""
        if not _TELLING.isdisjoint(known) or not all(isinstance(said, _PLAIN) for said in known.values()):
            return None
        layout = layout_of(tuple(known))
        counts = (key for _, keys in layout.counts for key in keys)
        said = (*counts, *_NUMBERS.intersection(known), *layout.tags)
        return cls(scope, tuple(known), layout, read(known, scope=scope, content=content), said)

    def row(self, number: int, known: Mapping[str, Value]) -> ShapeRow:
        """What the engine is told of it; `known` are the attributes of one of its spans."""
        there, places = self.example, {key: place for place, key in enumerate(self.keys, 1)}
        told = winners({key: text(said) for key, said in known.items()}, self.layout)
        placed = {f"{name}_at": places[key] for name, key in told if name in _PLACED}
        return ShapeRow(
            number,
            telling=False,
            measured=self.is_measured,
            cancelled=there.outcome in CANCELLED,
            framework=there.framework,
            operation=there.operation,
            provider=there.provider,
            request_model=there.request_model,
            model=there.model,
            wrapper=there.wrapper,
            said_at=[places[key] for key in self.said] if self.is_measured else (),
            rest=[key in there.rest for key in self.keys],
            counted=self.is_counted(known),
            first_chunk_at=places.get(semconv.TIME_TO_FIRST_CHUNK, 0),
            tag=[key in self.layout.tags for key in self.keys],
            tags=[key.removeprefix(semconv.TAG_PREFIX) for key in self.layout.tags],
            **placed,
            **{_COUNTED[name]: places[keys[0]] for name, keys in self.layout.counts if name in _COUNTED},
            **{place: places[key] for key, place in _CACHED.items() if key in places and self.tells_of_caches},
        )

    @property
    def tells_of_caches(self) -> bool:
        """Whether its spans tell of requests to an application's cache."""
        return semconv.CACHE_NAME in self.keys

    def is_counted(self, known: Mapping[str, Value]) -> bool:
        """Whether its spans are calls of ours whose counts alone decide what they cost; `known` are those of one."""
        there, counts = self.example, self.layout.counts
        is_call = there.operation in semconv.CALL_OPERATIONS and is_our_scope(self.scope)
        is_marked = there.wrapper or there.inside_call or not _UNCOUNTED.isdisjoint(self.keys)
        is_clear = all(name in _COUNTED and known[keys[0]] != "" for name, keys in counts)
        return is_call and not is_marked and bool(counts) and is_clear

    @property
    def price_key(self) -> PriceKey:
        """What selects the price of its calls."""
        there = self.example
        return PriceKey(there.provider, there.model, "", there.service_tier, there.region)

    @property
    def is_measured(self) -> bool:
        """Whether its spans tell of calls or of anything that is counted."""
        is_call = self.example.operation in semconv.CALL_OPERATIONS
        return is_call or bool(self.layout.counts) or semconv.TIME_TO_FIRST_CHUNK in self.keys

    def reading(self, words: Sequence[str], error_type: str, said: Sequence[str]) -> Reading:
        """That of one of its spans; `words` are the texts from `framework` to `team`. `rest` is left to the engine."""
        known = dict(zip(self.said, said, strict=True))
        usage = usage_of(known, self.layout)
        calls = 0 if usage is None and is_half(self.scope) else count(known.get(semconv.CALLS))
        reported = dollars(known.get(semconv.REPORTED_COST_USD))
        first_chunk_ns = nanoseconds(known.get(semconv.TIME_TO_FIRST_CHUNK))
        tags = {key.removeprefix(semconv.TAG_PREFIX): known[key] for key in self.layout.tags}
        there = self.example
        numbers = calls, there.estimated, reported, first_chunk_ns, usage
        return Reading._make((*words, error_type, *_decided(there), *numbers, (), tags, {}))


_decided: Final = itemgetter(slice(Reading._fields.index("outcome"), Reading._fields.index("calls")))
"""What a reading says that is the same for a whole shape, after its words."""

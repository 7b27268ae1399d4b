"""A sighting: one span that may tell of a call, with what it takes to say whether two tell of the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from spanmeter import semconv
from spanmeter_collector.reading import Reading
from spanmeter_collector.row import Row

WRAPPER: Final = "wrapper"
INSIDE_CALL: Final = "inside_call"
_FAMILIES: Final = dict.fromkeys(semconv.GENERATION_OPERATIONS, "generation") | {
    "embeddings": "embeddings",
    "rerank": "rerank",
}
_FAILED: Final = frozenset({"error", "cancelled"})


class Sighting(NamedTuple):
    """What one span says of a call. `mark` is the reason why its own sender says that it is none to be counted."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    start: int
    end: int
    service: str
    instance: str
    scope: str
    name: str
    status: str
    operation: str
    provider: str
    request_model: str
    model: str
    response_id: str
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    mark: str

    @property
    def is_call(self) -> bool:
        """Whether it tells of a call and nothing says that the call is counted elsewhere."""
        return not self.mark and self.operation in semconv.CALL_OPERATIONS

    @property
    def is_ours(self) -> bool:
        """Whether our own instrumentation wrote it, which counts each call once already."""
        return is_our_scope(self.scope)

    @property
    def family(self) -> str:
        """Which operations can be one call: generation, embeddings, rerank."""
        return _FAMILIES.get(self.operation, "")

    @property
    def is_used(self) -> bool:
        """Whether it says how many tokens the call used."""
        return bool(self.input_tokens or self.output_tokens)

    @property
    def is_failed(self) -> bool:
        """Whether it says that no answer came."""
        return self.status in _FAILED

    @property
    def details(self) -> int:
        """How much it says of the call beyond the sums."""
        return sum(map(bool, (self.response_id, self.cached_input_tokens, self.reasoning_tokens, self.request_model)))


def sighting(row: Row, reading: Reading) -> Sighting:
    """What a span that just came in says."""
    return Sighting(
        start=row.start_time,
        end=row.start_time + row.duration_ns,
        mark=mark(row, reading),
        **{name: getattr(row, name) for name in _SHARED},
    )


def stored_sighting(known: Mapping[str, Any]) -> Sighting:
    """What a span says that is in the store, by the columns of `sightings.sql`."""
    return Sighting(**{name: known[name] for name in Sighting._fields})


def mark(row: Row, reading: Reading) -> str:
    """The reason why a span's own sender says that its call is counted elsewhere; empty where it does not."""
    if row.wrapper:
        return WRAPPER
    return INSIDE_CALL if reading.inside_call else ""


def is_our_scope(scope: str) -> bool:
    """Whether an instrumentation scope is ours."""
    return scope == semconv.SCOPE or scope.startswith(f"{semconv.SCOPE}.")


_SHARED: Final = tuple(name for name in Sighting._fields if name in Row._fields)

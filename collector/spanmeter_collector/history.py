"""What the store holds of traces already: their spans, the ledger's standing entries, and what was not counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from spanmeter import semconv
from spanmeter_collector.charge import Charge, standing
from spanmeter_collector.duplicate import SAME_SPAN, Duplicate
from spanmeter_collector.raw_usage import RAW_USAGE_KEYS
from spanmeter_collector.reading import LANGSMITH_COMPLETION, LANGSMITH_INTEGRATION, LANGSMITH_METHOD, Reading, read
from spanmeter_collector.row import Row, SpanKey
from spanmeter_collector.sighting import Sighting, stored_sighting
from spanmeter_collector.store import Store, of_traces
from spanmeter_collector.vocabulary import COUNT_KEYS, TEXT_KEYS

_AROUND_NS: Final = 3_600_000_000_000
_ATTRIBUTES: Final = {
    semconv.OPERATION_NAME: "operation",
    semconv.PROVIDER_NAME: "provider",
    semconv.REQUEST_MODEL: "request_model",
    semconv.RESPONSE_MODEL: "model",
}
CHARGED_BY: Final = frozenset(
    {
        *(key for keys in COUNT_KEYS.values() for key in keys),
        *TEXT_KEYS["service_tier"],
        *TEXT_KEYS["region"],
        *RAW_USAGE_KEYS,
        semconv.USAGE_PARTS,
        semconv.USAGE_GRADE,
        semconv.REPORTED_COST_USD,
        semconv.CALLS,
        semconv.CACHE_HIT,
        semconv.INSIDE_CALL,
        semconv.INSTRUMENTED,
        LANGSMITH_COMPLETION,
        LANGSMITH_INTEGRATION,
        LANGSMITH_METHOD,
    }
)
"""The attributes, beside those with columns of their own, that decide what a call is charged."""


@dataclass(frozen=True, slots=True)
class History:
    """Of some traces: the sightings by trace, the standing charges and duplicates by span, and what was sent again."""

    sightings: Mapping[bytes, Sequence[Sighting]] = field(default_factory=dict)
    charges: Mapping[SpanKey, Sequence[Charge]] = field(default_factory=dict)
    duplicates: Mapping[SpanKey, Duplicate] = field(default_factory=dict)
    sent_again: frozenset[SpanKey] = frozenset()


def history(store: Store, keys: Collection[SpanKey], *, since_ns: int, until_ns: int) -> History:
    """What is stored of the traces of these spans, as far as it started up to an hour around the period."""
    if not keys:
        return History()
    parameters = of_traces(keys, since_ns=since_ns - _AROUND_NS, until_ns=until_ns + _AROUND_NS)
    sightings: defaultdict[bytes, list[Sighting]] = defaultdict(list)
    for known in store.query("sightings", parameters):
        sightings[known["trace_id"]].append(stored_sighting(known))
    entries: defaultdict[SpanKey, list[Charge]] = defaultdict(list)
    for entry in store.records("standing_charges", Charge, parameters):
        entries[entry.trace_id, entry.span_id].append(entry)
    found = store.records("standing_duplicates", Duplicate, parameters)
    return History(
        sightings=sightings,
        charges={key: left for key, all_of_it in entries.items() if (left := standing(all_of_it))},
        duplicates={(one.trace_id, one.span_id): one for one in found if one.reason != SAME_SPAN},
        sent_again=frozenset((one.trace_id, one.span_id) for one in found if one.reason == SAME_SPAN),
    )


def again(
    store: Store, keys: Collection[SpanKey], *, since_ns: int, until_ns: int, around_ns: int = _AROUND_NS
) -> list[tuple[Row, Reading]]:
    """Stored spans as they came in, as far as they started up to an hour, or `around_ns`, around the period.

    They carry what says what they cost and to whom, and nothing else of what their senders wrote.
    """
    if not keys:
        return []
    parameters = of_traces(keys, since_ns=since_ns - around_ns, until_ns=until_ns + around_ns)
    span_ids = sorted({span_id.hex() for _, span_id in keys})
    telling = {"span_ids": span_ids, "keys": sorted(CHARGED_BY), "tags": semconv.TAG_PREFIX}
    rows = store.records("spans_again", Row, parameters | telling)
    return [(row, _reading(row)) for row in rows if (row.trace_id, row.span_id) in keys]


def _reading(row: Row) -> Reading:
    told: dict[str, Any] = {key: getattr(row, name) for key, name in _ATTRIBUTES.items()}
    return read({**row.attributes, **told}, scope=row.scope)

"""Which spans of one trace tell of a call that another span tells of too.

The rules, the first that holds wins: a call inside another of its kind is the one call there was; one response id is
one call; two instrumentations that report one interval, inside or beside each other, with equal model and usage
report one call. What our own instrumentation wrote is always kept, for it has counted once already; else the
innermost, unless the call above it alone knows of a cache; else what says more. Which one is kept depends on the
spans alone, never on the order they came in. What different traces tell of one call is found in `companions`.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from spanmeter_collector.sighting import INSIDE_CALL, Sighting

HAS_MODEL_DESCENDANT: Final = "has_model_descendant"
SAME_RESPONSE_ID: Final = "same_response_id"
SAME_INTERVAL: Final = "same_interval"
SLACK_NS: Final = 20_000_000
"""How far the intervals of two instrumentations of one call may stick out of each other."""
TOLD_SLACK_NS: Final = 40_000_000
"""The same where both tell equal usage: on a busy machine some write their span only after the call."""
_DEEPEST: Final = 64
_VERSION: Final = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
_MOST_PAIRS: Final = 2**21
_MOST_NAMES: Final = 1024
_logger = logging.getLogger(__name__)


class Found(NamedTuple):
    """Why a span is not counted, and which one is counted in its place."""

    reason: str
    counted: bytes


Finds = dict[bytes, Found]


def same_calls(sightings: Iterable[Sighting]) -> Finds:
    """The spans of one trace, by their ids, that tell of a call which is counted by another span."""
    inorder = sorted(sightings, key=lambda seen: (seen.start, seen.span_id))
    parents = {seen.span_id: seen.parent_span_id for seen in inorder}
    calls = {seen.span_id: seen for seen in inorder if seen.is_call}
    finds = _nested(calls, parents)
    for rule in (_of_one_response, _at_one_time):
        finds |= rule([call for span_id, call in calls.items() if span_id not in finds])
    return {span_id: Found(found.reason, _last(found.counted, finds)) for span_id, found in finds.items()}


def _last(counted: bytes, finds: Finds) -> bytes:
    while counted in finds:
        counted = finds[counted].counted
    return counted


def _nested(calls: Mapping[bytes, Sighting], parents: Mapping[bytes, bytes]) -> Finds:
    pairs = [(above, call) for call in calls.values() for above in _above(call, calls, parents)]
    inside = {
        below.span_id: Found(INSIDE_CALL, above.span_id)
        for above, below in pairs
        if above.is_ours and not below.is_ours
    }
    wrappers = {
        above.span_id: Found(HAS_MODEL_DESCENDANT, below.span_id)
        for above, below in reversed(pairs)
        if not above.is_ours and below.span_id not in inside and _is_the_call(below, above)
    }
    richer = {
        wrappers.pop(above.span_id).counted: Found(INSIDE_CALL, above.span_id)
        for above, below in _alone(pairs)
        if wrappers.get(above.span_id) == Found(HAS_MODEL_DESCENDANT, below.span_id) and _says_more(above, below)
    }
    unused = {
        below.span_id: Found(INSIDE_CALL, above.span_id)
        for above, below in pairs
        if not below.is_ours and not below.is_used and above.is_used and above.span_id not in wrappers
    }
    return unused | wrappers | richer | inside


def _above(call: Sighting, calls: Mapping[bytes, Sighting], parents: Mapping[bytes, bytes]) -> Iterator[Sighting]:
    above: bytes | None = call.parent_span_id
    for _ in range(_DEEPEST):
        if above is None:
            return
        seen = calls.get(above)
        if seen is not None and above != call.span_id and seen.family in (call.family, "rerank"):
            yield seen
        above = parents.get(above)


def _alone(pairs: Iterable[tuple[Sighting, Sighting]]) -> Iterator[tuple[Sighting, Sighting]]:
    """The pairs in which the one below is all that there is below."""
    below: defaultdict[bytes, list[Sighting]] = defaultdict(list)
    aboves = {}
    for above, call in pairs:
        aboves[above.span_id] = above
        below[above.span_id].append(call)
    return ((aboves[span_id], calls[0]) for span_id, calls in below.items() if len(calls) == 1)


def _says_more(above: Sighting, below: Sighting) -> bool:
    """Some clients' instrumentations leave out what came from a cache, which the framework above knows."""
    unknown = above.cached_input_tokens and not below.cached_input_tokens and not below.is_ours
    return bool(unknown) and below.is_used and is_one_usage(above, below)


def _is_the_call(below: Sighting, above: Sighting) -> bool:
    return below.is_ours or below.is_used or not above.is_used


def _of_one_response(calls: Sequence[Sighting]) -> Finds:
    groups: defaultdict[tuple[str, str], list[Sighting]] = defaultdict(list)
    for call in calls:
        if call.response_id:
            groups[call.service, call.response_id].append(call)
    finds: Finds = {}
    for group in groups.values():
        if len(group) > 1 and not is_no_identity(group):
            finds |= _all_but_one(group, SAME_RESPONSE_ID)
    return finds


def is_no_identity(group: Sequence[Sighting]) -> bool:
    """Servers for tests give every answer one id; then one instrumentation reports it with different usage."""
    used: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
    for call in group:
        if call.is_used and not call.is_ours:
            used[call.scope].add((call.input_tokens, call.output_tokens))
    return any(len(counts) > 1 for counts in used.values())


def _at_one_time(calls: Sequence[Sighting]) -> Finds:
    """Two instrumentations can report as much as they like: of one scope no two spans are ever one call."""
    if len({call.scope for call in calls}) < 2:
        return {}
    groups = {call.span_id: [call] for call in calls}
    pairs = _bounded(_pairs(calls))
    if pairs is None:
        _logger.warning("trace %s has too many calls at one time to compare: each counts", calls[0].trace_id.hex())
        return {}
    for _, one, other in sorted(pairs):
        group, joining = groups[one], groups[other]
        if not {call.scope for call in group} & {call.scope for call in joining}:
            group += joining
            groups.update(dict.fromkeys((call.span_id for call in joining), group))
    finds: Finds = {}
    for group in groups.values():
        if len(group) > 1:
            finds |= _all_but_one(group, SAME_INTERVAL)
    return finds


Distance = tuple[bool, int]


_Pair = tuple[Distance, bytes, bytes]


def _bounded(pairs: Iterable[_Pair | None]) -> list[_Pair] | None:
    """Those of a bounded number that may tell of one call; None where there are more."""
    looked_at = enumerate(pairs)
    found = [pair for _, pair in islice(looked_at, _MOST_PAIRS) if pair is not None]
    return None if next(looked_at, None) else found


def _pairs(calls: Sequence[Sighting]) -> Iterator[_Pair | None]:
    """Those of equal output, or with no usage beside any; None for each that is of two calls."""
    told: defaultdict[tuple[str, int], list[Sighting]] = defaultdict(list)
    for call in calls:
        if call.is_used:
            told[call.family, call.output_tokens].append(call)
    for bucket in told.values():
        yield from _compared(bucket)
    if sum(map(len, told.values())) < len(calls):
        yield from _compared(calls, silent=True)


def _compared(calls: Sequence[Sighting], *, silent: bool = False) -> Iterator[_Pair | None]:
    """In the order of their starts; with `silent` none of which both tell their usage."""
    for index, one in enumerate(calls):
        latest = one.end + TOLD_SLACK_NS
        for place in range(index + 1, len(calls)):
            other = calls[place]
            if other.start > latest:
                break
            both = silent and one.is_used and other.is_used
            distance = None if one.scope == other.scope or both else _distance(one, other)
            yield None if distance is None else (distance, one.span_id, other.span_id)


def _distance(one: Sighting, other: Sighting) -> Distance | None:
    """How unlike two sightings are that may be of one call; None when they are of two."""
    if one.scope == other.scope or one.family != other.family or not is_one_model(one, other):
        return None
    told = one.is_used and other.is_used
    if told and not is_one_usage(one, other):
        return None
    if not is_beside(one, other, slack_ns=TOLD_SLACK_NS if told else SLACK_NS):
        return None
    return not told, abs(one.start - other.start) + abs(one.end - other.end)


def is_beside(one: Sighting, other: Sighting, *, slack_ns: int) -> bool:
    """Whether one of two intervals is inside the other, give or take the slack."""
    return _is_around(one, other, slack_ns) or _is_around(other, one, slack_ns)


def _is_around(outer: Sighting, inner: Sighting, slack_ns: int) -> bool:
    return outer.start - slack_ns <= inner.start and inner.end <= outer.end + slack_ns


def is_one_model(one: Sighting, other: Sighting) -> bool:
    """Whether two sightings may be of one model, which some name as it was asked for and some as it answered."""
    names, others = _names(one), _names(other)
    return not names or not others or not names.isdisjoint(others)


def _names(call: Sighting) -> frozenset[str]:
    return _plain(call.model, call.request_model)


@lru_cache(_MOST_NAMES)
def _plain(*names: str) -> frozenset[str]:
    return frozenset(_VERSION.sub("", name.rpartition("/")[2]) for name in names if name)


def is_one_usage(one: Sighting, other: Sighting) -> bool:
    """Equal tokens; some instrumentations leave the cached ones out of the input."""
    return one.output_tokens == other.output_tokens and is_one_input(one, other)


def is_one_input(one: Sighting, other: Sighting) -> bool:
    """Equal input tokens, with or without the cached ones."""
    mine, theirs = one.input_tokens, other.input_tokens
    fresh = mine - one.cached_input_tokens
    return mine == theirs or theirs - other.cached_input_tokens in {mine, fresh} or fresh == theirs


def _all_but_one(group: Sequence[Sighting], reason: str) -> Finds:
    ours = [call for call in group if call.is_ours]
    if ours:
        kept = {call.span_id: min(ours, key=lambda own: (abs(own.start - call.start), own.span_id)) for call in group}
        return {call.span_id: Found(reason, kept[call.span_id].span_id) for call in group if not call.is_ours}
    best = kept_of(group)
    return {call.span_id: Found(reason, best.span_id) for call in group if call is not best}


def kept_of(group: Sequence[Sighting]) -> Sighting:
    """Of several sightings of one call the one that counts."""
    first = min(group, key=lambda call: (call.start, call.span_id))
    return min((call for call in group if call.start <= first.end or call.is_ours), key=_preference)


def _preference(call: Sighting) -> tuple[bool, bool, bool, int, int, bytes]:
    """What is ours, then what says its usage, with its cache, then the shortest as the innermost, then the details."""
    plain = not call.cached_input_tokens
    return not call.is_ours, not call.is_used, plain, call.end - call.start, -call.details, call.span_id

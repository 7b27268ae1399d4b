"""Companions: spans in different traces of one process that tell of one call.

An instrumentation that does not make its span current leaves what a client below it reports in a trace of its own.
Two instrumentations of one process that report equal model and usage, one interval inside the other, told of one
call; so did two that give one response id. With one response id the output may differ: some add up the counts of a
stream that are sums already. What has found its companion keeps it: each instrumentation tells of a call's usage
once, so a third span of the same instrumentation is another call. Some wrap a stream of which they see no usage:
what answered and says nothing of its usage is one call with what began with it and does, unless its instrumentation
told of that call already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, NamedTuple, Self

from spanmeter import semconv
from spanmeter_collector.otlp import LAST_NANOSECOND
from spanmeter_collector.row import Row, SpanKey
from spanmeter_collector.same_call import (
    SAME_INTERVAL,
    SAME_RESPONSE_ID,
    SLACK_NS,
    TOLD_SLACK_NS,
    Distance,
    Found,
    is_beside,
    is_no_identity,
    is_one_input,
    is_one_model,
    is_one_usage,
    kept_of,
)
from spanmeter_collector.sighting import Sighting, is_our_scope, stored_sighting
from spanmeter_collector.staged import Extents
from spanmeter_collector.store import Store

_LONGEST_CALL_NS: Final = 600_000_000_000
_MOST_COMPARED: Final = 64


class Companion(NamedTuple):
    """A call that is counted, with all that told of its usage, and all that told of it without its usage.

    `is_new` says that no batch before had it.
    """

    seen: Sighting
    scopes: frozenset[str]
    silent: frozenset[str] = frozenset()
    is_new: bool = True

    @property
    def key(self) -> SpanKey:
        """Trace id and span id."""
        return self.seen.trace_id, self.seen.span_id

    @property
    def tellers(self) -> frozenset[str]:
        """All that told of it."""
        return self.scopes | self.silent


def companions(calls: Iterable[Companion]) -> dict[SpanKey, Found]:
    """Of counted calls in many traces those that another one tells of too, and which one counts in their place."""
    calls, groups = list(calls), dict[SpanKey, list[Companion]]()
    for pairs, tellers in ((_pairs(calls), _OF_USAGE), (_silent_pairs(calls), _OF_ALL)):
        for _, _, _, one, other in sorted(pairs, key=lambda pair: pair[:3]):
            group, joining = groups.setdefault(one.key, [one]), groups.setdefault(other.key, [other])
            if _told_by(group, tellers).isdisjoint(_told_by(joining, tellers)):
                group += joining
                groups.update(dict.fromkeys((call.key for call in joining), group))
    return {call.key: found for group in groups.values() for call, found in _left_out(group)}


@dataclass(frozen=True, slots=True)
class Told:
    """What calls came in: from when until when they were under way, and by service and scope who told of them."""

    since: int
    until: int
    tellers: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, called: Collection[Row], spans: Extents | None, tellers: Collection[tuple[str, str]]) -> Self | None:
        """The same of rows and of spans that only the engine has read, of these `tellers`; None where there is none."""
        starts = [row.start_time for row in called] + ([int(spans.starts.min())] if spans else [])
        ends = [row.start_time + row.duration_ns for row in called] + ([int(spans.ends.max())] if spans else [])
        if not starts:
            return None
        return cls(min(starts), max(ends), frozenset(tellers).union((row.service, row.scope) for row in called))


def under_way(store: Store, came: Told) -> list[Companion]:
    """What was counted before of the calls of the same services that were under way when these were.

    Where all that came in is ours, only what others told can be one call with it.
    """
    since, until = came.since - TOLD_SLACK_NS, came.until + TOLD_SLACK_NS
    scopes = {scope for _, scope in came.tellers}
    told = store.recent.tell(came.tellers, since=since, until=until)
    others_only = all(map(is_our_scope, scopes))
    if told is not None and _is_one_teller(scopes | told, others_only=others_only):
        return []
    return _stored(store, {service for service, _ in came.tellers}, since, until, others_only=others_only)


def _is_one_teller(scopes: Collection[str], *, others_only: bool) -> bool:
    return len(scopes) < 2 or (others_only and all(map(is_our_scope, scopes)))


def _stored(store: Store, services: Collection[str], since: int, until: int, *, others_only: bool) -> list[Companion]:
    parameters = {
        "since": max(since - _LONGEST_CALL_NS, 0),
        "overlapping": max(since, 0),
        "until": min(until, LAST_NANOSECOND),
        "services": sorted(services),
        "operations": sorted(semconv.CALL_OPERATIONS),
        "others_only": others_only,
    }
    stored = [stored_sighting(known) for known in store.query("under_way", parameters)]
    beside = store.query("told_beside", parameters) if stored else ()
    told = [(known["counted_span_id"], known["scope"], bool(known["used"])) for known in beside]
    return counted_calls(stored, told, is_new=False)


def counted_calls(
    seen: Iterable[Sighting], told: Iterable[tuple[bytes, str, bool]], *, is_new: bool
) -> list[Companion]:
    """Calls with what else `told` of them: the span that counts, the scope, and whether it told of usage."""
    scopes: Mapping[bool, defaultdict[bytes, set[str]]] = {True: defaultdict(set), False: defaultdict(set)}
    for counted, scope, is_used in told:
        scopes[is_used][counted].add(scope)
    used, silent = scopes[True], scopes[False]
    return [
        Companion(one, frozenset({one.scope, *used[one.span_id]}), frozenset(silent[one.span_id]), is_new)
        for one in seen
    ]


def _told_by(group: Sequence[Companion], tellers: Callable[[Companion], frozenset[str]]) -> frozenset[str]:
    return frozenset[str]().union(*map(tellers, group))


_OF_USAGE: Final = attrgetter("scopes")
_OF_ALL: Final = attrgetter("tellers")


def _left_out(group: Sequence[Companion]) -> Iterator[tuple[Companion, Found]]:
    kept = kept_of([call.seen for call in group])
    for call in group:
        if call.seen is not kept:
            same_id = call.seen.response_id and call.seen.response_id == kept.response_id
            yield call, Found(SAME_RESPONSE_ID if same_id else SAME_INTERVAL, kept.span_id)


Pair = tuple[Distance, SpanKey, SpanKey, Companion, Companion]


def _pairs(calls: Iterable[Companion]) -> Iterator[Pair]:
    for bucket in _buckets(calls):
        for index, one in enumerate(bucket):
            for other in bucket[index + 1 : index + 1 + _MOST_COMPARED]:
                if other.seen.start > one.seen.end + TOLD_SLACK_NS:
                    break
                if (one.is_new or other.is_new) and _is_one_call(one, other):
                    yield _distance(one.seen, other.seen), one.key, other.key, one, other


def _buckets(calls: Iterable[Companion]) -> Iterator[Sequence[Companion]]:
    """Calls that can be one, in the order in which they began; where one instrumentation tells of all, none is."""
    usages: defaultdict[tuple[str, str, int], list[Companion]] = defaultdict(list)
    responses: defaultdict[tuple[str, str, str], list[Companion]] = defaultdict(list)
    for call in calls:
        if call.seen.is_used:
            usages[call.seen.service, call.seen.family, call.seen.output_tokens].append(call)
        if call.seen.is_used and call.seen.response_id:
            responses[call.seen.service, call.seen.family, call.seen.response_id].append(call)
    identities = (bucket for bucket in responses.values() if not is_no_identity([call.seen for call in bucket]))
    for bucket in (*usages.values(), *identities):
        if len({call.seen.scope for call in bucket}) > 1:
            yield sorted(bucket, key=lambda call: (call.seen.start, call.key))


def _silent_pairs(calls: Iterable[Companion]) -> Iterator[Pair]:
    """One that tells its usage and one of another instrumentation that answered, and tells none."""
    groups: defaultdict[tuple[str, str], list[Companion]] = defaultdict(list)
    for call in calls:
        if call.seen.is_used or not (call.seen.is_failed or call.seen.is_ours):
            groups[call.seen.service, call.seen.family].append(call)
    for group in groups.values():
        if not all(call.seen.is_used for call in group):
            group.sort(key=lambda call: (call.seen.start, call.key))
            yield from _silent_pairs_of(group)


def _silent_pairs_of(calls: Sequence[Companion]) -> Iterator[Pair]:
    """In the order in which they began."""
    for index, one in enumerate(calls):
        for other in calls[index + 1 : index + 1 + _MOST_COMPARED]:
            if other.seen.start > min(one.seen.start + SLACK_NS, one.seen.end):
                break
            if (one.is_new or other.is_new) and _is_one_half_told(one, other):
                yield _distance(one.seen, other.seen), one.key, other.key, one, other


def _is_one_half_told(one: Companion, other: Companion) -> bool:
    seen, also = one.seen, other.seen
    if seen.is_used == also.is_used or seen.trace_id == also.trace_id or not one.tellers.isdisjoint(other.tellers):
        return False
    beside = is_beside(seen, also, slack_ns=SLACK_NS)
    return beside and _is_one_process(seen, also) and is_one_model(seen, also)


def _is_one_call(one: Companion, other: Companion) -> bool:
    seen, also = one.seen, other.seen
    if seen.trace_id == also.trace_id or not one.scopes.isdisjoint(other.scopes) or not _is_one_process(seen, also):
        return False
    if seen.output_tokens != also.output_tokens:
        return _is_one_stream(seen, also)
    if seen.response_id and also.response_id:
        return seen.response_id == also.response_id
    beside = is_beside(seen, also, slack_ns=TOLD_SLACK_NS)
    return beside and is_one_model(seen, also) and is_one_usage(seen, also)


def _is_one_stream(one: Sighting, other: Sighting) -> bool:
    """One response whose output only one of the two counted rightly, so everything else must be equal."""
    same_id = bool(one.response_id) and one.response_id == other.response_id
    beside = same_id and is_beside(one, other, slack_ns=SLACK_NS)
    return beside and is_one_model(one, other) and is_one_input(one, other)


def _is_one_process(one: Sighting, other: Sighting) -> bool:
    return not one.instance or not other.instance or one.instance == other.instance


def _distance(one: Sighting, other: Sighting) -> Distance:
    same_id = bool(one.response_id) and one.response_id == other.response_id
    return not same_id, abs(one.start - other.start) + abs(one.end - other.end)

"""Redaction: what the operator's rules take out of everything that senders write, before it is logged or stored.

Patterns are RE2's, which looks at a text once whatever the pattern (https://github.com/google/re2/wiki/WhyRE2): no
sender can keep the sidecar busy with a text made for a pattern, as is possible with Python's own.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import re2  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry, Counter

from spanmeter_collector.history import CHARGED_BY
from spanmeter_collector.json_texts import Findings, TextPlaces, text_places, with_texts
from spanmeter_collector.otlp import Request, text, value
from spanmeter_collector.reading import LANGSMITH_COMPLETION
from spanmeter_collector.vocabulary import OPERATION_KEYS, TEXT_KEYS

DROP: Final = "drop"
HASH: Final = "hash"
REPLACE: Final = "replace"
SPAN_NAME: Final = "span.name"
STATUS_MESSAGE: Final = "status.message"
EVENT_NAME: Final = "event.name"
_WHOSE: Final = frozenset({"user", "session", "tenant", "feature", "team"})
LEDGER_KEYS: Final = (
    (CHARGED_BY - {LANGSMITH_COMPLETION})
    | {key for name, keys in TEXT_KEYS.items() if name not in _WHOSE for key in keys}
    | OPERATION_KEYS.keys()
)
"""What the ledger is made from; no rule changes it."""
_HASH_DIGITS: Final = 32
_MOST_REMEMBERED: Final = 4096
_SHORT: Final = 128
_SUMMARY: Final = "summary"
"""The kind of metric whose points have no exemplars."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of texts under some keys, of those that match a pattern, or of both.

    `keys` may have stars; without keys the rule is for every key, without a pattern for whole values. What matches, or
    the whole value, is replaced by `replacement` or by its keyed hash, or the attribute is dropped.
    """

    name: str
    action: str
    keys: tuple[str, ...] = ()
    pattern: str = ""
    replacement: str = "[redacted]"

    def is_for(self, key: str) -> bool:
        """Whether the rule looks at a key."""
        if key in LEDGER_KEYS:
            return False
        return not self.keys or any(_glob(pattern).fullmatch(key) for pattern in self.keys)


@lru_cache(_MOST_REMEMBERED)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


@lru_cache(_MOST_REMEMBERED)
def compiled(pattern: str) -> Any:  # noqa: ANN401  # re2 has no types
    """A pattern of RE2's syntax.

    Raises:
        ValueError: it is none; the message says why.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(bytes(error.args[0]).decode()) from error


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rules that look at one key, and the patterns of all of them as one, since few texts match any."""

    whole: Rule | None
    matching: Sequence[tuple[Rule, Any]]
    any_of: str


@dataclass(frozen=True, slots=True)
class Redaction:
    """The rules, and the key of their hashes; the same text has the same hash wherever the key is the same.

    It counts every value it changes, by rule.
    """

    rules: tuple[Rule, ...]
    key: bytes = field(repr=False)
    changed: Counter

    @classmethod
    def of(cls, rules: Iterable[Rule], key: str, registry: CollectorRegistry) -> Redaction:
        """Rules with a counter of what they change."""
        name, told = "spanmeter_collector_redacted_values", "Values changed or dropped by a redaction rule."
        redaction = cls(tuple(rules), key.encode(), Counter(name, told, ["rule"], registry=registry))
        for rule in redaction.rules:
            redaction.changed.labels(rule=rule.name)
        return redaction

    def apply(self, request: Request) -> None:
        """Change a request in place: attributes of every level, names of spans and events, status messages."""
        request.DiscardUnknownFields()
        if isinstance(request, ExportTraceServiceRequest):
            for resource_spans in request.resource_spans:
                self._clean(resource_spans.resource.attributes)
                for scope_spans in resource_spans.scope_spans:
                    self._clean(scope_spans.scope.attributes)
                    for span in scope_spans.spans:
                        self._clean_span(span)
            return
        for resource_metrics in request.resource_metrics:
            self._clean(resource_metrics.resource.attributes)
            for scope_metrics in resource_metrics.scope_metrics:
                self._clean(scope_metrics.scope.attributes)
                for metric in scope_metrics.metrics:
                    self._clean_metric(metric)

    def _clean_span(self, span: Span) -> None:
        self._clean(span.attributes)
        for event in span.events:
            self._clean(event.attributes)
            event.name = self._cleaned(EVENT_NAME, event.name) or ""
        for link in span.links:
            self._clean(link.attributes)
        span.name = self._cleaned(SPAN_NAME, span.name) or ""
        if span.status.message:
            span.status.message = self._cleaned(STATUS_MESSAGE, span.status.message) or ""

    def _clean_metric(self, metric: Metric) -> None:
        self._clean(metric.metadata)
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points if kind else ():
            self._clean(point.attributes)
            for exemplar in () if kind == _SUMMARY else point.exemplars:
                self._clean(exemplar.filtered_attributes)

    def _clean(self, attributes: Any) -> None:  # noqa: ANN401  # a container of the protobuf library
        dropped = [index for index, pair in enumerate(attributes) if not self._keeps(pair)]
        for index in reversed(dropped):
            del attributes[index]

    def _keeps(self, pair: KeyValue) -> bool:
        plan = _plan(self.rules, pair.key)
        if plan.whole is None:
            return not plan.matching or self._keeps_texts(plan, pair.value)
        self._count(plan.whole)
        if plan.whole.action == DROP:
            return False
        pair.value.CopyFrom(AnyValue(string_value=self._instead(plan.whole, text(value(pair.value)))))
        return True

    def _keeps_texts(self, plan: _Plan, said: AnyValue) -> bool:
        kind = said.WhichOneof("value")
        if kind == "string_value":
            cleaned = self._matched(plan, said.string_value)
            if cleaned is not None and cleaned is not said.string_value:
                said.string_value = cleaned
            return cleaned is not None
        items: Iterable[AnyValue] = ()
        if kind == "array_value":
            items = said.array_value.values
        elif kind == "kvlist_value":
            items = [pair.value for pair in said.kvlist_value.values]
        return all(self._keeps_texts(plan, item) for item in items)

    def _cleaned(self, key: str, said: str) -> str | None:
        plan = _plan(self.rules, key)
        if plan.whole is None:
            return self._matched(plan, said) if plan.matching else said
        self._count(plan.whole)
        return None if plan.whole.action == DROP else self._instead(plan.whole, said)

    def _matched(self, plan: _Plan, said: str) -> str | None:
        """The text without what matches, the same object where nothing does; None where the attribute goes.

        In JSON every text is looked at as what it says, whatever of it is escaped, and JSON stays JSON. What matches
        beyond single texts goes too, as an operator may mean a key with its value; then it is none any more.
        """
        found = Findings()
        inside = with_texts(said, lambda one: found.kept(self._without(plan, one)), numbers=_may_match(plan, said))
        if inside is None:
            return self._without(plan, said)
        if found.drops:
            return None
        return self._without(plan, inside, texts=text_places(inside)) if _may_match(plan, inside) else inside

    def _without(self, plan: _Plan, said: str, *, texts: TextPlaces | None = None) -> str | None:
        """The same of a text as it stands; what lies within `texts` has been looked at."""
        if not _may_match(plan, said):
            return said
        for rule, pattern in plan.matching:
            mine = [match for match in pattern.finditer(said) if texts is None or not texts.hold(*match.span())]
            if not mine:
                continue
            self._count(rule)
            if rule.action == DROP:
                return None
            said = _with_others(said, [(*match.span(), self._instead(rule, match.group())) for match in mine])
            texts = None if texts is None else text_places(said)
        return said

    def _instead(self, rule: Rule, said: str) -> str:
        if rule.action == REPLACE:
            return rule.replacement
        return hmac.new(self.key, said.encode(errors="replace"), sha256).hexdigest()[:_HASH_DIGITS]

    def _count(self, rule: Rule) -> None:
        self.changed.labels(rule=rule.name).inc()


@lru_cache(_MOST_REMEMBERED)
def _plan(rules: tuple[Rule, ...], key: str) -> _Plan:
    """Of rules for whole values the first counts."""
    mine = [rule for rule in rules if rule.is_for(key)]
    matching = [(rule, compiled(rule.pattern)) for rule in mine if rule.pattern]
    any_of = "|".join(f"(?:{rule.pattern})" for rule, _ in matching)
    return _Plan(next((rule for rule in mine if not rule.pattern), None), matching, any_of)


def _with_others(said: str, others: Iterable[tuple[int, int, str]]) -> str:
    """A text with another one from each place to each place."""
    pieces, done = [], 0
    for begins, ends, other in others:
        pieces += [said[done:begins], other]
        done = ends
    return "".join((*pieces, said[done:]))


def _may_match(plan: _Plan, said: str) -> bool:
    matches = _matches_short if len(said) <= _SHORT else _matches
    return matches(plan.any_of, said)


def _matches(pattern: str, said: str) -> bool:
    return compiled(pattern).search(said) is not None


_matches_short: Final = lru_cache(_MOST_REMEMBERED * 4)(_matches)
"""Names, models and places come again and again."""

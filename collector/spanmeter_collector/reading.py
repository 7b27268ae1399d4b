"""What a span's attributes say about a call, whichever instrumentation wrote them; the keys are in `vocabulary`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from spanmeter import semconv
from spanmeter.pricing import Usage
from spanmeter.pricing.reading import Part
from spanmeter.pricing.usage import BUCKETS, INPUT_BUCKETS, OUTPUT_BUCKETS
from spanmeter_collector.content import is_content
from spanmeter_collector.number import count, dollars, nanoseconds
from spanmeter_collector.otlp import Value, text
from spanmeter_collector.parts import PartsError, read_parts
from spanmeter_collector.raw_usage import RAW_USAGE_KEYS, detailed
from spanmeter_collector.vocabulary import COUNT_KEYS, MAKERS, OPERATION_KEYS, OPERATION_NAMES, TEXT_KEYS

LANGSMITH_COMPLETION: Final = "gen_ai.completion"
LANGSMITH_METHOD: Final = "langsmith.metadata.ls_method"
LANGSMITH_INTEGRATION: Final = "langsmith.metadata.ls_integration"
_LANGCHAIN_RESULT: Final = '{"generations":[['
"""So begin LangChain's results, the only sign of its runs before langchain-core 1.0."""
_MOST_LAYOUTS: Final = 1024
_MOST_REMEMBERED_KEYS: Final = 128


class Reading(NamedTuple):
    """What the attributes say; empty text and None stand for what they do not say."""

    framework: str
    operation: str
    provider: str
    request_model: str
    model: str
    response_id: str
    user: str
    session: str
    tenant: str
    feature: str
    team: str
    error_type: str
    outcome: str
    service_tier: str
    region: str
    wrapper: bool
    inside_call: bool
    cache_hit: bool
    calls: int | None
    estimated: bool
    reported_usd: Decimal | None
    first_chunk_ns: int
    usage: Usage | None
    parts: tuple[Part, ...]
    tags: Mapping[str, str]
    rest: Mapping[str, str]


class _Marks(NamedTuple):
    """Of a reading, the fields from `wrapper` on that few spans say."""

    wrapper: bool = False
    inside_call: bool = False
    cache_hit: bool = False
    calls: int | None = None
    estimated: bool = False
    reported_usd: Decimal | None = None
    first_chunk_ns: int = 0


_NO_MARKS: Final = _Marks()
_NO_WORDS: Final = dict.fromkeys(Reading._fields[: Reading._fields.index("wrapper")], "")
MARK_KEYS: Final = frozenset(
    {
        semconv.WRAPPER,
        semconv.INSIDE_CALL,
        semconv.INSTRUMENTED,
        semconv.CACHE_HIT,
        semconv.CALLS,
        semconv.USAGE_GRADE,
        semconv.REPORTED_COST_USD,
        semconv.TIME_TO_FIRST_CHUNK,
    }
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which keys of a span say what, the one to be believed first; spans of one kind carry the same keys."""

    texts: tuple[tuple[str, tuple[str, ...]], ...]
    counts: tuple[tuple[str, tuple[str, ...]], ...]
    operations: tuple[str, ...]
    tags: tuple[str, ...]
    raw: tuple[str, ...]
    content: tuple[str, ...]
    is_marked: bool


_IN_COLUMNS: Final = frozenset(TEXT_KEYS) - {"service_tier", "region", "outcome"}
_INPUT_PARTS: Final = INPUT_BUCKETS[1:]
_OUTPUT_PARTS: Final = OUTPUT_BUCKETS[1:]
_ZEROS: Final = (0,) * len(BUCKETS)
_API: Final = re.compile(r"\.(chat|responses|messages|completion|embedding|textEmbedding|generative-ai)$")
"""What Vercel's AI SDK appends to a provider's name."""
_HALF: Final = "logfire."
"""Logfire tells of a stream in two spans: of the request, and of the usage in a log once the stream has been read."""
_FRAMEWORK_IN_SCOPE: Final = re.compile(r"(langchain|langgraph|llama_?index)$")


def read(known: Mapping[str, Value], *, scope: str, content: bool = False) -> Reading:
    """Read the attributes of a span; `scope` names the instrumentation that wrote it.

    `rest` are the attributes that no column of the store holds, those with content only if it is asked for. Numbers
    that are none, negative or beyond any call count as not said.
    """
    layout = layout_of(tuple(known))
    rest = {key: said if type(said) is str else text(said) for key, said in known.items()}
    words = _NO_WORDS.copy()
    operation_key, words["operation"] = _operation(known, layout)
    for name, key in winners(rest, layout):
        words[name] = rest.pop(key) if name in _IN_COLUMNS else rest[key]
    if operation_key:
        del rest[operation_key]
    words["framework"] = words["framework"] or framework_of(scope)
    words["request_model"] = words["request_model"].strip('"')  # MLflow writes JSON
    words["model"] = words["model"].strip('"') or words["request_model"]
    words["provider"] = _provider(words["provider"], words["model"])
    usage = usage_of(known, layout)
    for key in layout.raw:
        usage = detailed(usage, key, rest[key], provider=words["provider"])
    parts = _parts(known, usage, rest) if semconv.USAGE_PARTS in known else ()
    marks = _marks(known) if layout.is_marked else _NO_MARKS
    if usage is None and is_half(scope):
        marks = marks._replace(calls=0)
    tags = {key.removeprefix(semconv.TAG_PREFIX): rest[key] for key in layout.tags}
    if layout.content and not content:
        _drop_content(rest, layout)
    return Reading._make((*words.values(), *marks, usage, parts, tags, rest))


def _drop_content(rest: dict[str, str], layout: Layout) -> None:
    """Of LangSmith's completion the beginning stays, which quotes nobody: it tells LangChain's runs from others."""
    is_run = rest.get(LANGSMITH_COMPLETION, "").startswith(_LANGCHAIN_RESULT)
    for key in layout.content:
        rest.pop(key, None)
    if is_run:
        rest[LANGSMITH_COMPLETION] = _LANGCHAIN_RESULT


def is_half(scope: str) -> bool:
    """Whether spans of an instrumentation scope that tell no usage stand for no call."""
    return scope.startswith(_HALF)


def framework_of(scope: str) -> str:
    """The framework that an instrumentation's scope names, or none."""
    found = _FRAMEWORK_IN_SCOPE.search(scope)
    return found[1].replace("llamaindex", "llama_index") if found else ""


def _marks(known: Mapping[str, Value]) -> _Marks:
    return _Marks(
        wrapper=_truth(known.get(semconv.WRAPPER)),
        inside_call=_truth(known.get(semconv.INSIDE_CALL)) or _is_counted_run(known),
        cache_hit=_truth(known.get(semconv.CACHE_HIT)),
        calls=count(known.get(semconv.CALLS)),
        estimated=known.get(semconv.USAGE_GRADE) == "estimated",
        reported_usd=dollars(known.get(semconv.REPORTED_COST_USD)),
        first_chunk_ns=nanoseconds(known.get(semconv.TIME_TO_FIRST_CHUNK)),
    )


@lru_cache(_MOST_LAYOUTS)
def _provider(said: str, model: str) -> str:
    """Who serves a model, without what AI SDKs append; where nobody is named, who makes it."""
    makers = (maker for head, maker in MAKERS.items() if model.startswith(head))
    return _API.sub("", said) or next(makers, "")


def _parts(known: Mapping[str, Value], usage: Usage | None, rest: dict[str, str]) -> tuple[Part, ...]:
    """The parts that are billed apart; what is wrong with them is noted in `rest`, and the usage counts as a whole."""
    try:
        return read_parts(known[semconv.USAGE_PARTS], usage=usage)
    except PartsError as error:
        notes = known.get(semconv.USAGE_NOTES)
        rest[semconv.USAGE_NOTES] = text([*(notes if isinstance(notes, list) else ()), str(error)])
        return ()


def _is_counted_run(known: Mapping[str, Value]) -> bool:
    """Whether LangSmith tells of a LangChain run in a process where our own instrumentation counts those."""
    if not _truth(known.get(semconv.INSTRUMENTED)):
        return False
    if LANGSMITH_INTEGRATION in known or LANGSMITH_METHOD in known:
        return str(known.get(LANGSMITH_INTEGRATION)).startswith("langchain")
    return str(known.get(LANGSMITH_COMPLETION)).startswith(_LANGCHAIN_RESULT)


def layout_of(keys: tuple[str, ...]) -> Layout:
    """What these keys of a span say."""
    return _remembered_layout(keys) if len(keys) <= _MOST_REMEMBERED_KEYS else _layout(keys)


def _layout(keys: tuple[str, ...]) -> Layout:
    there = frozenset(keys)
    return Layout(
        texts=_present(TEXT_KEYS, there),
        counts=_present(COUNT_KEYS, there),
        operations=tuple(key for key in OPERATION_KEYS if key in there),
        tags=tuple(key for key in keys if key.startswith(semconv.TAG_PREFIX) and key != semconv.TAG_PREFIX),
        raw=tuple(key for key in RAW_USAGE_KEYS if key in there),
        content=tuple(filter(is_content, keys)),
        is_marked=not MARK_KEYS.isdisjoint(there),
    )


_remembered_layout = lru_cache(_MOST_LAYOUTS)(_layout)


def _present(table: Mapping[str, tuple[str, ...]], there: frozenset[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (name, present) for name, keys in table.items() if (present := tuple(key for key in keys if key in there))
    )


def _operation(known: Mapping[str, Value], layout: Layout) -> tuple[str, str]:
    for key in layout.operations:
        said, names = known[key], OPERATION_KEYS[key]
        if isinstance(said, str) and said:
            if names is not None:
                return "", names.get(said, said.lower())
            return ("", OPERATION_NAMES[said]) if said in OPERATION_NAMES else (key, said)
    return "", ""


def winners(texts: Mapping[str, str], layout: Layout) -> Iterator[tuple[str, str]]:
    """By name, the key whose text counts: the first that says anything."""
    for name, keys in layout.texts:
        for key in keys:
            if texts[key]:
                yield name, key
                break


def _counts(known: Mapping[str, Value], layout: Layout) -> Iterator[tuple[str, int]]:
    for name, keys in layout.counts:
        for key in keys:
            if (found := count(known[key])) is not None:
                yield name, found
                break


def usage_of(known: Mapping[str, Value], layout: Layout) -> Usage | None:
    """Disjoint buckets from totals that include their parts, or from totals that are smaller than their parts."""
    counts = dict(_counts(known, layout)) if layout.counts else {}
    if not counts:
        return None
    input_total, output_total = counts.pop("input_total", 0), counts.pop("output_total", 0)
    written = counts.pop("cache_write", 0)
    if not (counts.get("cache_write_5m") or counts.get("cache_write_1h")):
        counts["cache_write_5m"] = written
    counts["input"] = _remainder(input_total, sum(map(counts.get, _INPUT_PARTS, _ZEROS)))
    counts["output"] = _remainder(output_total, sum(map(counts.get, _OUTPUT_PARTS, _ZEROS)))
    return Usage(**counts)


def _remainder(total: int, parts: int) -> int:
    """A total below its parts was counted without them, as Anthropic's own numbers are."""
    return total - parts if total >= parts else total


def _truth(said: Value) -> bool:
    return said is True or said == "true"

"""Usage as a provider reported it, read into disjoint buckets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from operator import add, attrgetter
from typing import Any, Final

from spanmeter.pricing.dialect import Dialect
from spanmeter.pricing.dialects import ANTHROPIC, dialect
from spanmeter.pricing.names import provider_id
from spanmeter.pricing.usage import Usage

# Objects around the one with the counts, where a whole response or the wrong object of one is given.
_AROUND: Final = (
    "usage",
    "usageMetadata",
    "usage_metadata",
    "token_usage",
    "meta",
    "x_groq",
    "amazon-bedrock-invocationMetrics",
    "timings",
    "response",
    "message",
    "metadata",
)
_SIZES: Final = ("low", "medium", "high")
SIZED_SEARCHES: Final = tuple(f"web_searches_{size}" for size in _SIZES)
"""The buckets of a request that is billed by how much it reads of what it found."""


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Part:
    """What one model consumed in a call; `model` is empty for the model that was asked."""

    usage: Usage
    model: str = ""


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Reading:
    """The parts of a call, each priced on its own, and a sentence for each thing that did not add up.

    `silent` says that the object holds no count of tokens at all; a zero that a provider sends is a count.
    """

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    silent: bool = False

    @property
    def known(self) -> Usage | None:
        """The usage, None where nothing was told that can be counted."""
        usage = self.usage
        return None if (self.silent or self.notes) and usage == _NOTHING else usage

    @property
    def usage(self) -> Usage:
        """What the whole call consumed."""
        if len(self.parts) == 1:
            return self.parts[0].usage
        return reduce(add, (part.usage for part in self.parts))


_NOTHING: Final = Usage()


def read_usage(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Usage:
    """The disjoint buckets of a provider's raw usage object. Never raises; what contradicts itself is clamped."""
    return read(payload, provider=provider, api=api).usage


def read_parts(payload: Mapping[str, Any], *, provider: str, api: str = "") -> tuple[Part, ...]:
    """As `read_usage`, told apart by what is billed apart: one part, unless several rounds or models answered."""
    return read(payload, provider=provider, api=api).parts


def read(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Reading:
    """As `read_usage`, by parts and with a note for each contradiction.

    Anthropic bills the sum of `iterations`, and its totals leave out compactions and advisors
    (https://platform.claude.com/docs/en/build-with-claude/compaction): each iteration is a part. So is each model
    that answered for one of Groq's systems of models.
    """
    told, spoken = _spoken(payload, provider_id(provider), api)
    notes: list[str] = []
    counts = spoken.counts(told, notes)
    whole = _sized(counts.disjoint(notes), told)
    if api:
        whole = _of_api(whole, api, notes)
    parts = _parts(told, whole, spoken, notes)
    if parts:
        return Reading(parts, tuple(notes))
    return Reading((Part(whole),), tuple(notes), counts.silent)


def _spoken(payload: object, provider: str, api: str) -> tuple[Mapping[str, Any], Dialect]:
    """The object with the counts, itself or inside of what was given, and its dialect."""
    here: Mapping[str, Any] = payload if type(payload) is dict or isinstance(payload, Mapping) else {}
    spoken = dialect(here, provider=provider, api=api)
    for _ in range(4):
        if spoken.speaks(here):
            break
        inner = next((inner for key in _AROUND if isinstance(inner := here.get(key), Mapping) and inner), None)
        if inner is None:
            break
        here, spoken = inner, dialect(inner, provider=provider, api=api)
    return here, spoken


def _sized(usage: Usage, told: Mapping[str, Any]) -> Usage:
    """With the request that searched, where the provider tells how much of what it found it read."""
    size = told.get("search_context_size")
    if isinstance(size, str):
        count_search(usage, size)
    return usage


def count_search(usage: Usage, size: str) -> None:
    """Count a request that searched and is billed by its search context: `low`, `medium` or `high`."""
    for known in _SIZES:
        if size.lower().startswith(known):  # merged chunks of a stream repeat the word
            setattr(usage, f"web_searches_{known}", 1)


def _of_api(usage: Usage, api: str, notes: list[str]) -> Usage:
    """What an API bills otherwise than chat: pictures alone as output, or the length of speech instead of tokens."""
    if api.startswith("images") and not usage.output_image:
        return replace(usage, output=0, output_image=usage.output)
    if "transcri" in api and usage.input_audio_seconds:
        tokens = usage.input_tokens + usage.output_tokens
        if tokens:
            notes.append(f"{tokens} tokens are not billed beside {usage.input_audio_seconds} seconds")
        return Usage(input_audio_seconds=usage.input_audio_seconds)
    return usage


def _parts(told: Mapping[str, Any], whole: Usage, spoken: Dialect, notes: list[str]) -> tuple[Part, ...]:
    if spoken is ANTHROPIC and "iterations" in told:
        return _iterations(told["iterations"], whole, notes)
    if "usage_breakdown" in told:
        return _models(told["usage_breakdown"], whole, notes)
    return ()


def _iterations(listed: object, whole: Usage, notes: list[str]) -> tuple[Part, ...]:
    """Empty when the iterations say less than the totals, which then count."""
    parts = tuple(_told_apart(_objects(listed), notes))
    reported = _tokens([Part(whole)])
    if not parts or _tokens(parts) < reported:
        return ()
    asked = _tokens(_told_apart((each for each in _objects(listed) if each.get("type") in (None, "message")), []))
    if asked and asked != reported:
        notes.append(f"iterations of {asked} tokens are not the {reported} reported")
    _think(parts, whole.reasoning)
    searches = (Part(Usage(web_searches=whole.web_searches)),) if whole.web_searches else ()
    return parts + searches


def _think(parts: Iterable[Part], tokens: int) -> None:
    """Count what the totals say was thought, since iterations do not, in the longest answer of the model asked."""
    asked = [part.usage for part in parts if not part.model and not part.usage.reasoning]
    longest = max(asked, key=attrgetter("output"), default=_NOTHING)
    if 0 < tokens <= longest.output:
        longest.output, longest.reasoning = longest.output - tokens, tokens


def _told_apart(iterations: Iterable[Mapping[str, Any]], notes: list[str]) -> Iterator[Part]:
    for each in iterations:
        usage = ANTHROPIC.counts(each, notes).disjoint(notes)
        if usage != _NOTHING:
            yield Part(usage, _model(each))


def _models(breakdown: object, whole: Usage, notes: list[str]) -> tuple[Part, ...]:
    """The models of a system, https://console.groq.com/docs/compound: each is billed, the system itself is not."""
    listed = breakdown.get("models") if isinstance(breakdown, Mapping) else None
    parts = tuple(
        Part(read_usage(usage, provider="groq"), _model(each))
        for each in _objects(listed)
        if isinstance(usage := each.get("usage"), Mapping)
    )
    if parts and _tokens(parts) != _tokens([Part(whole)]):
        notes.append(f"the models' {_tokens(parts)} tokens are not the {_tokens([Part(whole)])} reported")
    return parts


def _objects(listed: object) -> list[Mapping[str, Any]]:
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list | tuple) else []


def _tokens(parts: Iterable[Part]) -> int:
    return sum(part.usage.input_tokens + part.usage.output_tokens for part in parts)


def _model(told: Mapping[str, Any]) -> str:
    model = told.get("model")
    return model if isinstance(model, str) else ""

"""Usage as a provider reported it, read into disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, Final

from spanmeter.pricing.dialect import ANTHROPIC, dialect
from spanmeter.pricing.names import provider_id
from spanmeter.pricing.usage import Usage


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
        return None if usage == _NOTHING and (self.silent or self.notes) else usage

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


def read(payload: Mapping[str, Any], *, provider: str, api: str = "") -> Reading:
    """As `read_usage`, by parts and with a note for each contradiction.

    Anthropic bills the sum of `iterations`, and its totals leave out compactions and advisors
    (https://platform.claude.com/docs/en/build-with-claude/compaction): each iteration is a part.
    """
    spoken = dialect(payload, provider=provider_id(provider), api=api)
    notes: list[str] = []
    counts = spoken.counts(payload, notes)
    whole = counts.disjoint(notes)
    parts = _iterations(payload, notes) if spoken is ANTHROPIC else ()
    itemised = sum(part.usage.input_tokens + part.usage.output_tokens for part in parts)
    if not parts or itemised < whole.input_tokens + whole.output_tokens:
        silent = counts.input is None and counts.output is None and counts.total is None
        return Reading((Part(whole),), tuple(notes), silent)
    searches = (Part(Usage(web_searches=whole.web_searches)),) if whole.web_searches else ()
    return Reading(parts + searches, tuple(notes))


def _iterations(payload: Mapping[str, Any], notes: list[str]) -> tuple[Part, ...]:
    listed = payload.get("iterations")
    iterations = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    parts = (Part(ANTHROPIC.counts(each, notes).disjoint(notes), _model(each)) for each in iterations)
    return tuple(part for part in parts if part.usage != Usage())


def _model(iteration: Mapping[str, Any]) -> str:
    model = iteration.get("model")
    return model if isinstance(model, str) else ""

"""Numbers as reported, which overlap, and how they become disjoint buckets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from math import isfinite
from typing import Final

from spanmeter.pricing.usage import Usage

_LARGEST: Final = 10**15
_INPUT_PARTS: Final = (
    "cache_read_audio",
    "cache_read",
    "cache_write_1h",
    "cache_write_5m",
    "input_audio",
    "input_image",
)
_OUTPUT_PARTS: Final = ("reasoning", "output_audio", "output_image")


def count(value: object) -> int | None:
    """A reported number as a count, or None when it is none: no number, negative, not finite or absurdly large."""
    if type(value) is int:
        return value if 0 <= value <= _LARGEST else None
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 16 else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    finite = value.is_finite() if isinstance(value, Decimal) else isfinite(value)
    return round(value) if finite and 0 <= value <= _LARGEST else None


@dataclass(slots=True, kw_only=True)  # not frozen: that would double the cost of making one for every call
class Counts:
    """What a payload says. Details are parts of `input` and `output`, unless the flags say they come on top.

    `total` decides about the flags when it is given: providers, versions and gateways differ, sums do not.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cache_read: int = 0
    cache_write: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_tool: int = 0
    input_audio: int = 0
    cache_read_audio: int = 0
    input_image: int = 0
    cache_read_image: int = 0
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_searches: int = 0
    rerank_searches: int = 0
    input_includes_cache: bool = True
    output_includes_reasoning: bool = True

    def disjoint(self, notes: list[str]) -> Usage:
        """The disjoint buckets. Details that exceed their whole are clamped to it; `notes` gets a sentence for each.

        Runs for every call of an application: what adds up takes one pass.
        """
        tokens_in, tokens_out = self._wholes(notes)
        cached_audio = min(self.cache_read_audio, self.cache_read)
        cached = self.cache_read - cached_audio
        written = self._written - self.cache_write_1h
        audio = max(self.input_audio - cached_audio, 0)
        image = max(self.input_image - self.cache_read_image, 0)
        fresh = tokens_in - cached_audio - cached - self.cache_write_1h - written - audio - image
        shown = tokens_out - self.reasoning - self.output_audio - self.output_image
        whole = Usage(
            fresh,
            cached,
            written,
            self.cache_write_1h,
            audio,
            cached_audio,
            image,
            shown,
            self.reasoning,
            self.output_audio,
            self.output_image,
            self.web_searches,
            self.rerank_searches,
        )
        return whole if fresh >= 0 and shown >= 0 else _clamped(whole, notes)

    @property
    def _written(self) -> int:
        return max(self.cache_write, self.cache_write_5m + self.cache_write_1h)

    def _wholes(self, notes: list[str]) -> tuple[int, int]:
        tokens_out = self.output or 0
        if self.input is None and self.total is not None:
            return max(self.total - tokens_out, 0), tokens_out
        tokens_in = (self.input or 0) + self.input_tool
        if self._all_inside(tokens_in, tokens_out) and self.total in (None, tokens_in + tokens_out):
            return tokens_in, tokens_out
        return self._settled(tokens_in, tokens_out, notes)

    def _all_inside(self, tokens_in: int, tokens_out: int) -> bool:
        """Whether the details are parts of the numbers beside them; more cache than input is, if the total says so."""
        fits = self.cache_read + self._written <= tokens_in or tokens_in + tokens_out == self.total
        return self.input_includes_cache and self.output_includes_reasoning and fits

    def _settled(self, tokens_in: int, tokens_out: int, notes: list[str]) -> tuple[int, int]:
        cached = self.cache_read + self._written
        inputs = [tokens_in, tokens_in + cached]
        outputs = [tokens_out, tokens_out + self.reasoning]
        if not self.input_includes_cache or (cached > tokens_in and tokens_in + tokens_out != self.total):
            inputs.reverse()
        if not self.output_includes_reasoning:
            outputs.reverse()
        expected, *others = product(inputs, outputs)
        if self.total is None or sum(expected) == self.total:
            return expected
        for wholes in others:
            if sum(wholes) == self.total:
                notes.append(f"the total of {self.total} tokens tells what input and output include")
                return wholes
        notes.append(f"the total of {self.total} tokens is not the sum of {self.input} input and {tokens_out} output")
        return expected


def _clamped(usage: Usage, notes: list[str]) -> Usage:
    """The parts that fit into their whole, in the order in which they are the most certain to be parts of it."""
    fitted = _fitted("input", usage, _INPUT_PARTS, notes) | _fitted("output", usage, _OUTPUT_PARTS, notes)
    return replace(usage, **fitted)


def _fitted(rest: str, usage: Usage, parts: tuple[str, ...], notes: list[str]) -> dict[str, int]:
    beside = getattr(usage, rest)
    if beside >= 0:
        return {}
    told = sum(getattr(usage, part) for part in parts)
    left = told + beside
    notes.append(f"details of {told} {rest} tokens exceed the {left} reported")
    fitting = {rest: 0}
    for part in parts:
        fitting[part] = min(getattr(usage, part), left)
        left -= fitting[part]
    return fitting

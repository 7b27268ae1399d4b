"""Numbers as reported, which overlap, and how they become disjoint buckets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import product
from math import isfinite
from typing import Final

from spanmeter.pricing.usage import Usage

LARGEST: Final = 10**15
_NUMERAL: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)
_INPUT_PARTS: Final = (
    "cache_read_audio",
    "cache_read_image",
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
        return value if 0 <= value <= LARGEST else None
    if isinstance(value, str):
        value = float(value) if _NUMERAL.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    finite = value.is_finite() if isinstance(value, Decimal) else isfinite(value)
    return round(value) if finite and 0 <= value <= LARGEST else None


@dataclass(slots=True, kw_only=True)  # not frozen: that would double the cost of making one for every call
class Counts:
    """What a payload says. Details are parts of `input` and `output`, unless the flags say they come on top.

    What stands `_apart` comes on top whatever the flags say. `total` decides about the flags when it is given:
    providers, versions and gateways differ, sums do not. `units` are buckets of `Usage` that overlap with nothing.
    """

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cache_read: int = 0
    cache_miss: int | None = None
    cache_write: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_tool: int = 0
    input_audio: int = 0
    cache_read_audio: int = 0
    input_image: int = 0
    cache_read_image: int = 0
    image_apart: int = 0
    reasoning: int = 0
    reasoning_apart: int = 0
    output_audio: int = 0
    output_image: int = 0
    units: Mapping[str, int] | None = None
    input_includes_cache: bool = True
    output_includes_reasoning: bool = True
    surplus_is_reasoning: bool = False

    @property
    def silent(self) -> bool:
        """Whether no number was told at all."""
        return self.input is None and self.output is None and self.total is None and not self.units

    def disjoint(self, notes: list[str]) -> Usage:
        """The disjoint buckets. Details that exceed their whole are clamped to it; `notes` gets a sentence for each.

        Runs for every call of an application: what adds up takes one pass.
        """
        tokens_in, tokens_out = self._wholes(notes)
        written = self.cache_write
        if self.cache_write_5m or self.cache_write_1h:
            written = self._written(notes) - self.cache_write_1h
        cached_audio, cached_image = self.cache_read_audio, self.cache_read_image
        if cached_audio or cached_image:
            cached_audio = min(cached_audio, self.cache_read)
            cached_image = min(cached_image, self.cache_read - cached_audio)
        cached = self.cache_read - cached_audio - cached_image
        audio = self.input_audio - cached_audio if self.input_audio > cached_audio else 0
        image = self.input_image - cached_image if self.input_image > cached_image else 0
        fresh = tokens_in - self.cache_read - self.cache_write_1h - written - audio - image
        shown = tokens_out - self.reasoning - self.output_audio - self.output_image
        whole = Usage(
            fresh,
            cached,
            written,
            self.cache_write_1h,
            audio,
            cached_audio,
            image + self.image_apart,
            cached_image,
            shown,
            self.reasoning + self.reasoning_apart,
            self.output_audio,
            self.output_image,
            **self.units or {},
        )
        return whole if fresh >= 0 and shown >= 0 else self._clamped(whole, notes)

    def _written(self, notes: list[str]) -> int:
        by_lifetime = self.cache_write_5m + self.cache_write_1h
        if by_lifetime and self.cache_write not in (0, by_lifetime):
            notes.append(f"cache writes of {by_lifetime} tokens by lifetime are not the {self.cache_write} reported")
        return max(self.cache_write, by_lifetime)

    @property
    def _cached(self) -> int:
        return self.cache_read + max(self.cache_write, self.cache_write_5m + self.cache_write_1h)

    def _wholes(self, notes: list[str]) -> tuple[int, int]:
        tokens_out = self.output or 0
        if self.input is None and self.cache_miss is None and self.total is not None:
            return max(self.total - tokens_out, 0), tokens_out
        tokens_in = self._input(notes) + self.input_tool
        if self._all_inside(tokens_in, tokens_out) and self.total in (None, tokens_in + tokens_out):
            return tokens_in, tokens_out
        return self._settled(tokens_in, tokens_out, notes)

    def _input(self, notes: list[str]) -> int:
        if self.cache_miss is None:
            return self.input or 0
        looked_up = self.cache_read + self.cache_miss
        if self.input not in (None, looked_up):
            notes.append(f"cache hits and misses of {looked_up} tokens are not the {self.input} input reported")
        return looked_up if self.input is None else self.input

    def _all_inside(self, tokens_in: int, tokens_out: int) -> bool:
        """Whether the details are parts of the numbers beside them; more cache than input is, if the total says so."""
        fits = self._cached <= tokens_in or tokens_in + tokens_out == self.total
        return self.input_includes_cache and self.output_includes_reasoning and fits

    def _settled(self, tokens_in: int, tokens_out: int, notes: list[str]) -> tuple[int, int]:
        expected, *others = self._ways(tokens_in, tokens_out)
        if self.total is None or sum(expected) == self.total or sum(expected) + self.reasoning_apart == self.total:
            return expected
        for wholes in others:
            if sum(wholes) == self.total:
                notes.append(f"the total of {self.total} tokens tells what input and output include")
                return wholes
        return self._unsettled(expected, self.total, notes)

    def _ways(self, tokens_in: int, tokens_out: int) -> list[tuple[int, int]]:
        """What input and output may be together, the likeliest first; input is never less than the cache beside it."""
        inputs = [tokens_in, tokens_in + self._cached]
        outputs = [tokens_out, tokens_out + self.reasoning]
        if not self.input_includes_cache:
            inputs = inputs[::-1] if self._cached <= tokens_in else inputs[1:]
        elif self._cached > tokens_in and tokens_in + tokens_out != self.total:
            inputs.reverse()
        if not self.output_includes_reasoning:
            outputs.reverse()
        return list(product(inputs, outputs))

    def _unsettled(self, wholes: tuple[int, int], total: int, notes: list[str]) -> tuple[int, int]:
        """Wholes that no reading makes add up to the total: they stay, and what was not told of output is the rest."""
        tokens_in, tokens_out = wholes
        rest = total - tokens_in - tokens_out
        if rest > 0 and self.output is None and not self.reasoning:
            notes.append(f"the total of {total} tokens tells {rest} of output")
            tokens_out = rest
        elif rest > 0 and self.surplus_is_reasoning and not self.reasoning:
            notes.append(f"the total of {total} tokens tells {rest} of reasoning")
            tokens_out, self.reasoning = tokens_out + rest, rest
        else:
            told = f"{self.input} input and {self.output or 0} output"
            notes.append(f"the total of {total} tokens is not the sum of {told}")
        return tokens_in, tokens_out

    def _clamped(self, usage: Usage, notes: list[str]) -> Usage:
        """The parts that fit into their whole, in the order in which they are the most certain to be parts of it."""
        inside = replace(
            usage,
            input_image=usage.input_image - self.image_apart,
            reasoning=usage.reasoning - self.reasoning_apart,
        )
        fitted = _fitted("input", inside, _INPUT_PARTS, notes) | _fitted("output", inside, _OUTPUT_PARTS, notes)
        clamped = replace(inside, **fitted)
        clamped.input_image += self.image_apart
        clamped.reasoning += self.reasoning_apart
        return clamped


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

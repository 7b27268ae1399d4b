"""What one call consumed, in disjoint buckets."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add, attrgetter
from typing import Final


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Usage:
    """Token counts and billed units of one call; no token is in two buckets and none is negative.

    `input` is text read neither from nor into a cache; `output` is visible text without reasoning.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    cache_read_audio: int = 0
    input_image: int = 0
    output: int = 0
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_searches: int = 0
    rerank_searches: int = 0

    def __add__(self, other: Usage) -> Usage:
        """The usage of two calls together."""
        return Usage(*map(add, _counts(self), _counts(other)))

    def filled(self) -> list[tuple[str, int]]:
        """The buckets that are not empty, as (name, count): input, then output, then units."""
        return [named for named in zip(BUCKETS, _counts(self), strict=True) if named[1]]

    @property
    def input_tokens(self) -> int:
        """All input tokens, cached ones included."""
        return (
            self.input
            + self.cache_read
            + self.cache_write_5m
            + self.cache_write_1h
            + self.input_audio
            + self.cache_read_audio
            + self.input_image
        )

    @property
    def output_tokens(self) -> int:
        """All output tokens, reasoning included."""
        return self.output + self.reasoning + self.output_audio + self.output_image

    @property
    def cached_input_tokens(self) -> int:
        """Input tokens read from the provider's cache."""
        return self.cache_read + self.cache_read_audio

    @property
    def reasoning_tokens(self) -> int:
        """Output tokens that were thought and not shown."""
        return self.reasoning


INPUT_BUCKETS: Final = (
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "input_audio",
    "cache_read_audio",
    "input_image",
)
OUTPUT_BUCKETS: Final = ("output", "reasoning", "output_audio", "output_image")
UNIT_BUCKETS: Final = ("web_searches", "rerank_searches")
BUCKETS: Final = INPUT_BUCKETS + OUTPUT_BUCKETS + UNIT_BUCKETS
_counts: Final = attrgetter(*BUCKETS)

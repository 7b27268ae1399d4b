"""What one call consumed, in disjoint buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import compress
from operator import add, attrgetter
from types import MappingProxyType
from typing import Final


@dataclass(slots=True, unsafe_hash=True)  # not frozen: making one would take three times as long
class Usage:
    """Token counts and billed units of one call; no token is in two buckets and none is negative.

    `input` is text read neither from nor into a cache; `output` is visible text without reasoning. `web_searches_low`
    and its like count requests that searched and are billed by how much of what they found they read.
    """

    input: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    input_audio: int = 0
    cache_read_audio: int = 0
    input_image: int = 0
    cache_read_image: int = 0
    output: int = 0
    reasoning: int = 0
    output_audio: int = 0
    output_image: int = 0
    web_searches: int = 0
    rerank_searches: int = 0
    web_searches_low: int = 0
    web_searches_medium: int = 0
    web_searches_high: int = 0
    social_searches: int = 0
    file_searches: int = 0
    attachment_searches: int = 0
    search_sources: int = 0
    code_executions: int = 0
    citation_tokens: int = 0
    input_characters: int = 0
    input_audio_seconds: int = 0
    input_images: int = 0
    output_images: int = 0
    input_pixels: int = 0
    pages: int = 0

    def __add__(self, other: Usage) -> Usage:
        """The usage of two calls together."""
        return Usage(*map(add, _counts(self), _counts(other)))

    def filled(self) -> list[tuple[str, int]]:
        """The buckets that are not empty, as (name, count): input, then output, then units."""
        counts = _counts(self)
        return list(zip(compress(BUCKETS, counts), filter(None, counts), strict=True))

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
            + self.cache_read_image
        )

    @property
    def output_tokens(self) -> int:
        """All output tokens, reasoning included."""
        return self.output + self.reasoning + self.output_audio + self.output_image

    @property
    def cached_input_tokens(self) -> int:
        """Input tokens read from the provider's cache."""
        return self.cache_read + self.cache_read_audio + self.cache_read_image

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
    "cache_read_image",
)
OUTPUT_BUCKETS: Final = ("output", "reasoning", "output_audio", "output_image")
# What one of each is called. Citation tokens are units: providers leave them out of both totals.
UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "web_searches": "search",
        "rerank_searches": "search",
        "web_searches_low": "search",
        "web_searches_medium": "search",
        "web_searches_high": "search",
        "social_searches": "search",
        "file_searches": "search",
        "attachment_searches": "search",
        "search_sources": "source",
        "code_executions": "execution",
        "citation_tokens": "token",
        "input_characters": "character",
        "input_audio_seconds": "second",
        "input_images": "image",
        "output_images": "image",
        "input_pixels": "pixel",
        "pages": "page",
    }
)
UNIT_BUCKETS: Final = tuple(UNITS)
TOKEN_BUCKETS: Final = INPUT_BUCKETS + OUTPUT_BUCKETS
BUCKETS: Final = TOKEN_BUCKETS + UNIT_BUCKETS
_counts: Final = attrgetter(*BUCKETS)

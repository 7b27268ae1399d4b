"""Caches as the sidecar's API tells of them: the applications' own, and the prompt caches of providers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from spanmeter_dashboard import figures, markup
from spanmeter_dashboard.markup import Cell


@dataclass(frozen=True, slots=True)
class CacheUse:
    """The requests to one cache; `saved_usd` is None where no hit knows what it saved."""

    name: str
    hits: int
    misses: int
    hit_share: float | None
    unpriced_hits: int
    saved_usd: Decimal | None

    @classmethod
    def of(cls, told: Mapping[str, Any], name: str) -> Self:
        """The figures of a row of `/api/v1/caches`."""
        return cls(
            name, told["hits"], told["misses"], told["hit_share"], told["unpriced_hits"], _amount(told["saved_usd"])
        )


@dataclass(frozen=True, slots=True)
class PromptCacheUse:
    """Tokens of one model's prompt cache, what reading them saved and what writing them cost.

    `saved_usd` is what reads saved, `extra_usd` what writes cost beyond plain input, `net_usd` the first without the
    second; None where that is not known, and `unpriced_tokens` are missing from them.
    """

    provider: str
    model: str
    read_tokens: int
    written_tokens: int
    never_read_tokens: int
    never_read_usd: Decimal | None
    saved_usd: Decimal | None
    extra_usd: Decimal | None
    net_usd: Decimal | None
    unpriced_tokens: int

    @classmethod
    def of(cls, told: Mapping[str, Any], *, model: str = "") -> Self:
        """The figures of a row of `/api/v1/prompt-caching`, or of its total under the name `model`."""
        return cls(
            told.get("provider", ""),
            model or told["model"],
            told["read_tokens"],
            told["written_tokens"],
            told["never_read_tokens"],
            _amount(told["never_read_usd"]),
            _amount(told["read_saved_usd"]),
            _amount(told["write_extra_usd"]),
            _amount(told["net_saved_usd"]),
            told["unpriced_tokens"],
        )


def table(uses: Sequence[CacheUse]) -> str:
    """One line a cache: how often it answered, and what that saved."""
    header = (
        Cell("Cache"),
        Cell("Hits", number=True),
        Cell("Misses", number=True, room="half"),
        Cell("Hit share", number=True),
        Cell("Unpriced hits", number=True, room="full"),
        Cell("Saved", number=True),
    )
    return markup.table(header, (_line(use) for use in uses), label="Caches")


def prompt_table(uses: Sequence[PromptCacheUse]) -> str:
    """One line a model: what its prompt cache was read for and saved, and what was written in vain."""
    header = (
        Cell("Model"),
        Cell("Provider", room="full"),
        Cell("Tokens read", number=True, room="half"),
        Cell("Written", number=True, room="half"),
        Cell("Never read", number=True, room="half"),
        Cell("Paid for never read", number=True, room="full"),
        Cell("Saved by reads", number=True),
        Cell("More for writes", number=True, room="half"),
        Cell("Saved in all", number=True),
    )
    return markup.table(header, (_prompt_line(use) for use in uses), label="Prompt caches")


def _line(use: CacheUse) -> tuple[Cell, ...]:
    share = figures.UNKNOWN if use.hit_share is None else figures.share(use.hit_share)
    return (
        Cell(markup.text(use.name)),
        Cell(figures.count(use.hits), number=True),
        Cell(figures.count(use.misses), number=True, room="half"),
        Cell(share, number=True),
        Cell(figures.count(use.unpriced_hits), number=True, room="full"),
        Cell(figures.money(use.saved_usd), number=True),
    )


def _prompt_line(use: PromptCacheUse) -> tuple[Cell, ...]:
    return (
        Cell(markup.text(use.model)),
        Cell(markup.text(use.provider), room="full"),
        Cell(figures.tokens(use.read_tokens), number=True, room="half"),
        Cell(figures.tokens(use.written_tokens), number=True, room="half"),
        Cell(figures.tokens(use.never_read_tokens), number=True, room="half"),
        Cell(figures.money(use.never_read_usd), number=True, room="full"),
        Cell(figures.money(use.saved_usd), number=True),
        Cell(figures.money(use.extra_usd), number=True, room="half"),
        Cell(figures.money(use.net_usd), number=True),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

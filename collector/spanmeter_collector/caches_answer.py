"""What the API answers about caches: those of applications, and the prompt caches of providers."""

from __future__ import annotations

from pydantic import ConfigDict

from spanmeter_collector.answers import Answer


class CacheFigures(Answer):
    """Requests to applications' caches. `hit_share` is null without requests.

    `saved_usd` is what the calls had cost that hits replaced, null where no hit knows; `unpriced_hits` are missing
    from it.
    """

    hits: int
    misses: int
    hit_share: float | None
    unpriced_hits: int
    saved_usd: str | None


class CacheRow(CacheFigures):
    """The figures of one group; the asked dimensions stand beside them, "" where a request lacks one."""

    model_config = ConfigDict(extra="allow")


class CachesAnswer(Answer):
    """Rows by the asked dimensions and the total over all of them, also over those that `limit` left out."""

    rows: list[CacheRow]
    total: CacheFigures
    since: str
    until: str
    truncated: bool


class PromptCachingFigures(Answer):
    """Tokens that providers' prompt caches were read for and written with, and what was charged for them.

    Of the written ones, `never_read_tokens` were read by no later call while they were kept (a lower bound, for
    providers do not say which write a read found), and `open_tokens` may still be read. Amounts are null where a
    price is unknown.
    """

    read_tokens: int
    read_usd: str | None
    written_tokens: int
    written_usd: str | None
    never_read_tokens: int
    never_read_usd: str | None
    open_tokens: int


class PromptCachingRow(PromptCachingFigures):
    """The figures of one group; the asked dimensions stand beside them."""

    model_config = ConfigDict(extra="allow")


class PromptCachingAnswer(Answer):
    """Rows by the asked dimensions and the total over all of them, also over those that `limit` left out."""

    rows: list[PromptCachingRow]
    total: PromptCachingFigures
    since: str
    until: str
    truncated: bool

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
    """Tokens that providers' prompt caches were read for and written with, what was charged for them, what that saved.

    Of the written ones, `never_read_tokens` were read by no later call while they were kept (a lower bound, for
    providers do not say which write a read found), and `open_tokens` may still be read. `read_saved_usd` is what the
    read tokens would have cost as plain input beyond what they did cost, `write_extra_usd` what the written ones cost
    beyond plain input, `net_saved_usd` the first without the second; below zero, caching cost more than it saved.
    Plain input is what the same call paid, else what the price book tells for a call that paid so much for its cache.
    Amounts are sums of what has a price, null where nothing has; `unpriced_tokens` of those read and written are
    missing from what was saved, as their price or that of plain input is not known.
    """

    read_tokens: int
    read_usd: str | None
    read_saved_usd: str | None
    written_tokens: int
    written_usd: str | None
    write_extra_usd: str | None
    net_saved_usd: str | None
    never_read_tokens: int
    never_read_usd: str | None
    open_tokens: int
    unpriced_tokens: int


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

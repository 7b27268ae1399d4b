"""A bill adds up the calls made inside a block."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from spanmeter.receipt import Receipt
from spanmeter.settling import settling


@dataclass(slots=True)
class Totals:
    """Sums over calls. `input_tokens` include cached and `output_tokens` include reasoning tokens.

    `cost_usd` is None while every answered call is unpriced; otherwise it is the sum over the priced ones, and
    `unpriced_calls` says how many are missing from it.
    """

    calls: int = 0
    failed_calls: int = 0
    cache_hits: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    priced_usd: Decimal = Decimal(0)

    @property
    def cost_usd(self) -> Decimal | None:
        """US dollars, None when nothing that was answered has a price."""
        return None if self.calls and self.calls == self.unpriced_calls else self.priced_usd

    def add(self, receipt: Receipt) -> None:
        """Count one ended call in."""
        self.calls += receipt.calls
        self.failed_calls += receipt.failed_calls
        self.cache_hits += receipt.cache_hits
        self.input_tokens += receipt.usage.input_tokens
        self.cached_input_tokens += receipt.usage.cached_input_tokens
        self.output_tokens += receipt.usage.output_tokens
        self.reasoning_tokens += receipt.usage.reasoning
        if receipt.cost_usd is not None:
            self.priced_usd += receipt.cost_usd
        else:
            self.unpriced_calls += receipt.calls


class Bill:
    """The sums over every call started inside `spanmeter.measure()`, in all its threads and tasks, so far.

    The fields are those of `Totals`, with `saved_usd` and `unpriced_hits` beside them. Reading one first counts
    the tokens of ended calls whose provider reported none,
    some milliseconds a call.
    """

    def __init__(self) -> None:
        # Reentrant: the collector of garbage ends dropped streams anywhere, also in the middle of `add`.
        self._lock = threading.RLock()
        self._totals = Totals()
        self._by_model: dict[str, Totals] = {}
        self._saved_usd = Decimal(0)
        self._priced_hits = self._unpriced_hits = 0

    def add(self, receipt: Receipt) -> None:
        """Count one ended call in; safe from any thread, and while another is being counted."""
        with self._lock:
            self._totals.add(receipt)
            self._by_model.setdefault(receipt.model, Totals()).add(receipt)

    def save(self, saved_usd: Decimal | None) -> None:
        """Count one hit of an application's cache in; safe from any thread."""
        with self._lock:
            if saved_usd is None:
                self._unpriced_hits += 1
            else:
                self._priced_hits += 1
                self._saved_usd += saved_usd

    def by_model(self) -> Mapping[str, Totals]:
        """The same sums for each model that answered, by its name as the provider reports it."""
        settling.now()
        with self._lock:
            return dict(self._by_model)

    @property
    def calls(self) -> int:
        """Provider requests that were answered."""
        return self._settled.calls

    @property
    def failed_calls(self) -> int:
        """Calls that failed."""
        return self._settled.failed_calls

    @property
    def cache_hits(self) -> int:
        """Calls the application's own cache answered."""
        return self._settled.cache_hits

    @property
    def unpriced_calls(self) -> int:
        """Answered calls whose price is not known."""
        return self._settled.unpriced_calls

    @property
    def input_tokens(self) -> int:
        """Input tokens, cached ones included."""
        return self._settled.input_tokens

    @property
    def cached_input_tokens(self) -> int:
        """Input tokens read from the provider's cache."""
        return self._settled.cached_input_tokens

    @property
    def output_tokens(self) -> int:
        """Output tokens, reasoning included."""
        return self._settled.output_tokens

    @property
    def reasoning_tokens(self) -> int:
        """Output tokens that were thought and not shown."""
        return self._settled.reasoning_tokens

    @property
    def priced_usd(self) -> Decimal:
        """US dollars of the priced calls alone."""
        return self._settled.priced_usd

    @property
    def cost_usd(self) -> Decimal | None:
        """US dollars, None when nothing that was answered has a price."""
        return self._settled.cost_usd

    @property
    def saved_usd(self) -> Decimal | None:
        """US dollars that hits of the application's caches saved, None when nobody knows it of any of them.

        What `unpriced_hits` saved is missing from it. Hits of `spanmeter.cache` count, whatever they replaced, and
        those of any other cache that LangChain asks.
        """
        settling.now()
        return None if self._unpriced_hits and not self._priced_hits else self._saved_usd

    @property
    def unpriced_hits(self) -> int:
        """Hits of the application's caches of which nobody knows what they saved."""
        settling.now()
        return self._unpriced_hits

    @property
    def _settled(self) -> Totals:
        settling.now()
        return self._totals

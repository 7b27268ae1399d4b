"""What a call tells of the requests to caches that were made for it."""

from __future__ import annotations

from decimal import Decimal

from spanmeter import semconv
from spanmeter.bill import Bill
from spanmeter.opening import AttributeValue
from spanmeter.pricing.money import PLACES


class CacheRequests:
    """Requests to the cache `name`: most calls make one, embeddings of several texts one for each text.

    `below` is the bill of the calls below this one, which is what the misses cost.
    """

    def __init__(self, name: str) -> None:
        self.below = Bill()
        self._name = name
        self._kept = 0
        self._shared_usd = Decimal(0)
        self._saved_usd = Decimal(0)
        self._hits = self.misses = self._unpriced_hits = 0

    def add(self, *, hit: bool, saved_usd: Decimal | None) -> None:
        """Count one request; `saved_usd` is what a hit saved in US dollars, None where that is not known."""
        if not hit:
            self.misses += 1
        elif saved_usd is None:
            self._hits += 1
            self._unpriced_hits += 1
        else:
            self._hits += 1
            self._saved_usd += saved_usd

    def share(self, spent_usd: Decimal | None, *, among: int) -> Decimal | None:
        """What one kept value cost, of what was spent until now and is nobody's share yet.

        A provider names one price for several texts, so each has an equal share of it; all of them add up to it.
        `among` are those that are kept together, 0 means every miss of the call that was not kept yet.
        """
        if spent_usd is None:
            return None
        share = ((spent_usd - self._shared_usd) / (among or max(self.misses - self._kept, 1))).quantize(PLACES)
        self._shared_usd += share
        self._kept += 1
        return share

    def attributes(self) -> dict[str, AttributeValue]:
        """Spell them as span attributes: a call one of whose requests missed is a miss."""
        attributes: dict[str, AttributeValue] = {
            semconv.CACHE_NAME: self._name,
            semconv.CACHE_RESULT: "miss" if self.misses else "hit",
        }
        if self._hits + self.misses > 1:
            attributes[semconv.CACHE_HITS] = self._hits
            attributes[semconv.CACHE_MISSES] = self.misses
        if self._unpriced_hits:
            attributes[semconv.CACHE_UNPRICED_HITS] = self._unpriced_hits
        if self._hits > self._unpriced_hits:
            attributes[semconv.CACHE_SAVED_USD] = format(self._saved_usd, "f")
        return attributes

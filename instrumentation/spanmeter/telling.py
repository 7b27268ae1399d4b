"""What an ended call tells: its span of itself, and bills, receivers and budgets of what it came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from time import time_ns
from typing import Final

from opentelemetry.trace import Span

from spanmeter import metrics, semconv
from spanmeter.answer import NO_ANSWER, Answer, combined
from spanmeter.attributes import write
from spanmeter.barrier import barrier
from spanmeter.budget.budgets import budgets
from spanmeter.budget.reservation import Reservation
from spanmeter.cache_requests import CacheRequests
from spanmeter.content.content import quoted
from spanmeter.current import LiveSpan
from spanmeter.ending import Ending
from spanmeter.light_span import LightSpan
from spanmeter.opening import Attributes, Hashed, Opening
from spanmeter.price import Price, cost_of
from spanmeter.pricing import Amount, Cost
from spanmeter.receipt import Receipt
from spanmeter.scope import Scope


class Telling(LiveSpan):
    """What is known of a call, and what it tells once it has ended; `call.Call` opens and ends it.

    `scope` says whom it is made for, `prices` are those of its process. A `wrapper` encloses the real call.
    What is told on the way is kept in `cache_requests`, in `reservation` and in the answers reported below it.
    """

    above: Telling | None
    opening: Opening
    scope: Scope
    prices: Price | None
    wrapper: bool
    first_chunk_s: float | None
    heard: list[str] | None
    cache_requests: CacheRequests | None
    reservation: Reservation | None
    _reports: list[Answer]
    _receivers: Sequence[Callable[[Receipt], None]]

    def report(self, answer: Answer) -> None:
        """Add what one provider request below this call answered, for frameworks that throw it away; reports add up."""
        self._reports.append(answer)

    @property
    def reported(self) -> int:
        """How many provider requests below reported their answer so far."""
        return len(self._reports)

    def note_cache(self, name: str, *, hit: bool, saved_usd: Decimal | None = None) -> None:
        """Tell of one request to a cache of the application; `saved_usd` is what a hit saved, None if not known."""
        if self.cache_requests is None:
            self.cache_requests = CacheRequests(name)
        self.cache_requests.add(hit=hit, saved_usd=saved_usd)
        self.span.set_attributes(self.cache_requests.attributes())

    def price(self, answer: Answer = NO_ANSWER) -> Decimal | None:
        """What an answer costs, in US dollars, if this call ended now; without one, what was reported until now."""
        cost = self._cost(self.span, Ending(combined(answer, self._reports), "stopped", 0.0, time_ns()))
        return None if cost is None else cost.usd

    @property
    def request(self) -> object:
        """What this call has in common with the others of its request: the outermost bill, else the trace, if any."""
        bills = self.scope.bills
        return bills[0] if bills else self.span.get_span_context().trace_id or None

    def _requests(self, ending: Ending) -> tuple[int, int]:
        """Count the requests that were answered, and those a reader takes for granted of a call that ended so."""
        answer, reported = ending.answer, len(self._reports)
        if ending.how == "failed":
            return reported, 0
        if ending.how == "cancelled":
            usual = int(answer.usage is not None)
            return reported or usual, usual
        if answer.cache_hit:
            return 0, 0
        if answer.requests is not None:
            return answer.requests, 1
        silent = self.opening.operation == "embeddings" and self.opening.provider in reporting_providers
        return (reported if reported or silent else 1), 1

    @property
    def _counted(self) -> bool:
        return not self.wrapper and self.opening.operation in semconv.CALL_OPERATIONS

    def _tell(self, span: Span, ending: Ending) -> None:
        """Write what is known at the end, and count it."""
        answer, counted = ending.answer, self._counted
        if (self.opening.quote or answer.quote) is not None and not self.wrapper:
            quoted(span, (self.opening.quote, answer.quote), how=ending.how, heard=self.heard)
        if answer.cache_hit and counted and self.cache_requests is None:
            self._note_other_cache(span, ending)
        if answer is NO_ANSWER and not counted and not self.wrapper and self.first_chunk_s is None:
            return
        if answer.usage is not None and (answer.cache_hit or not counted):
            answer = replace(answer, usage=None, reported_usd=None, usage_notes=())
            ending = ending._replace(answer=answer)
        if not counted:
            write(span, ending.attributes(self.first_chunk_s, wrapper=self.wrapper))
            return
        cost = self._cost(span, ending)
        attributes = ending.attributes(self.first_chunk_s, cost=cost)
        attributes |= _hashes(self.opening.asked, ending) or {}
        calls, usual_calls = self._requests(ending)
        if calls != usual_calls:
            attributes[semconv.CALLS] = calls
        write(span, attributes)
        receipt = ending.receipt(self.opening, cost, calls=calls, first_chunk_s=self.first_chunk_s)
        if not _is_sampled(span):
            receipt = replace(receipt, sampled=False)
        self._count(receipt)
        if self.reservation is not None or budgets.groups:
            self._pay(cost.usd if cost else None, answer)

    def _count(self, receipt: Receipt) -> None:
        for receive in (*(bill.add for bill in (*self.scope.bills, *self.scope.watches)), *self._receivers):
            receive(receipt)
        above = self.above
        while above is not None:
            if above.cache_requests is not None:
                above.cache_requests.below.add(receipt)
            above = above.above

    def _pay(self, usd: Decimal | None, answer: Answer) -> None:
        """Have the budgets that hold for this call charged with what it cost."""
        if answer.usage is not None:
            budgets.learn(self.opening, answer.usage.output_tokens, priced=usd is not None)
        if self.reservation is not None:
            self.reservation.settle(usd)
        else:
            budgets.charge(self.scope.attributes, self.opening, usd, self.request)

    def _note_other_cache(self, span: Span, ending: Ending) -> None:
        """Tell of a hit in a cache that is not ours: what was read there still has the tokens of the call it saved."""
        cost = self._cost(span, ending)
        self.cache_requests = CacheRequests(semconv.OTHER_CACHE)
        saved_usd = None if cost is None else cost.usd
        self.cache_requests.add(hit=True, saved_usd=saved_usd)
        for bill in self.scope.bills:
            bill.save(saved_usd)
        span.set_attributes(self.cache_requests.attributes())
        metrics.observe_cache(semconv.OTHER_CACHE, "hit")

    def _cost(self, span: Span, ending: Ending) -> Amount | Cost | None:
        price = self.prices
        if price is None:
            return None
        lasted_ns = ending.at_ns - getattr(span, "start_time", ending.at_ns)
        tenant = self.scope.attributes.get(semconv.TENANT, "")
        return cost_of(ending.answer, opening=self.opening, price=price, tenant=tenant, duration_ns=lasted_ns)


@barrier
def _hashes(asked: Hashed | None, ending: Ending) -> Attributes:
    """What was asked of a provider, as hashes; a fault here costs them and not the call."""
    if asked is None or ending.answer.cache_hit:
        return {}
    return asked.attributes(answered=ending.how == "stopped")


def _is_sampled(span: Span) -> bool:
    return type(span) is LightSpan or span.get_span_context().trace_flags.sampled


reporting_providers: Final[set[str]] = set()
"""Providers whose client reports each embeddings request to the call around it: a call without a report made none."""

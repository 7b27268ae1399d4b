"""A call from its start to its one end: the model adapters share.

An adapter reads the framework's objects at its door and speaks in these values only:

    call = calls.start(Opening(operation="chat", name="chat gpt-5", framework="llama_index", ...), parent=parent_call)
    call.first_chunk()                      # the first token of a stream arrived
    call.leave()                            # a stream was handed to its consumer: open, but no longer current
    call.stop(Answer(usage=usage, model="gpt-5-2025-08-07"))      # or call.fail(error), or call.cancel()

`parent` is the call the framework itself names, None when it names none; the real parent is the deepest of that,
`current.parent_hints` and what is current (`current.resolve`). An adapter that can read its framework's idea of the
parent out of the running context appends a function to `current.parent_hints`, for other adapters' calls.

A call operation that starts below an open call of the same family (chat in chat, embeddings in embeddings) makes
the upper one a wrapper: it carries no tokens and no cost and is not counted.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter, time_ns
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import (
    ProxyTracer,
    ProxyTracerProvider,
    Span,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
)

from spanmeter import semconv
from spanmeter.answer import NO_ANSWER, Answer, combined
from spanmeter.budget.reservation import Reservation
from spanmeter.cache_requests import CacheRequests
from spanmeter.component import measure
from spanmeter.current import LiveSpan, Place, here, resolve
from spanmeter.ending import Ending, How, estimated
from spanmeter.error import error_type
from spanmeter.light_span import LightSpan
from spanmeter.light_tracer import lightened
from spanmeter.opening import Attributes, AttributeValue, Opening, opening_attributes, start_span, write_span
from spanmeter.price import Price
from spanmeter.receipt import Receipt
from spanmeter.scope import Scope, current_scope
from spanmeter.settling import settling
from spanmeter.tally import tally
from spanmeter.telling import Telling
from spanmeter.version import __version__

__all__ = ["NO_ANSWER", "Answer", "Attributes", "Call", "Calls", "Opening", "error_type"]


class Calls:
    """Starts calls, and holds what they share: the tracer, the prices and who gets a receipt of each end."""

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        price: Price | None = None,
        receivers: Sequence[Callable[[Receipt], None]] = (),
    ) -> None:
        self.price = price
        self.receivers = receivers
        self.trace_with(tracer_provider)

    def trace_with(self, tracer_provider: TracerProvider | None) -> None:
        """Send the spans of further calls through this provider, None meaning the application's global one."""
        tracer = trace.get_tracer(
            semconv.SCOPE, __version__, tracer_provider=tracer_provider, schema_url=semconv.SCHEMA_URL
        )
        self.tracer: Tracer = lightened(tracer)

    def start(self, opening: Opening, *, parent: LiveSpan | None = None, skip_claiming: bool = False) -> Call:
        """Open a call under the deepest known parent and make it current until it ends."""
        behind = here()
        place = resolve(behind, parent, skip_claiming=skip_claiming)
        call = Call(opening, calls=self, scope=current_scope(), place=place, behind=behind)
        call.attach()
        return call

    def open(self, opening: Opening) -> Call:
        """Open a call that is current only where it is `held`, for code of ours that surrounds what it measures."""
        behind = here()
        return Call(opening, calls=self, scope=current_scope(), place=resolve(behind, None), behind=behind)

    def tell(self, name: str, attributes: dict[str, AttributeValue], *, began_ns: int) -> None:
        """Write the span of what has ended already and counts as no call, under the deepest known parent."""
        if type(self.tracer) is ProxyTracer and type(trace.get_tracer_provider()) is ProxyTracerProvider:
            return  # nobody listens
        stamps = current_scope().attributes
        told = {**attributes, **stamps} if stamps else attributes  # which are the span's own from here on
        write_span(name, told, tracer=self.tracer, parent=resolve(here(), None).span, began_ns=began_ns)


class Call(Telling):
    """An open operation; `stop`, `fail` or `cancel` ends it, the first of them counts and any later one is ignored."""

    above: Call | None

    def __init__(self, opening: Opening, *, calls: Calls, scope: Scope, place: Place, behind: Place) -> None:
        self.opening = opening
        self.open = True
        self.wrapper = opening.wrapper
        self.first_chunk_s: float | None = None
        self.scope = scope
        self.prices = calls.price
        self._calls = calls
        self._receivers = calls.receivers
        self.heard: list[str] | None = None
        self.reservation: Reservation | None = None
        self.inherits = False
        self._reports: list[Answer] = []
        self.cache_requests: CacheRequests | None = None
        self.when_closed: Callable[[], object] | None = None
        super().__init__(
            start_span(opening, tracer=calls.tracer, parent=place.span, stamps=scope.attributes),
            behind=behind,
            above=place.call,
            claims_children=opening.claims_children,
        )
        self._mark_wrappers()
        self._started = perf_counter()

    def first_chunk(self) -> None:
        """Note the arrival of the first token of a stream; later ones are ignored."""
        if self.first_chunk_s is None:
            self.first_chunk_s = perf_counter() - self._started

    def hear(self, piece: str) -> None:
        """Keep a piece of a stream, for the estimate of a stream that never tells its usage."""
        if self.heard is None:
            self.heard = []
        if self.open:
            self.heard.append(piece)

    def stop(self, answer: Answer = NO_ANSWER) -> None:
        """End an answered call; `answer.usage` None falls back to what was reported on the way."""
        if self._close():
            self._end(self._ending(answer, "stopped"))

    def stop_by(self, read: Callable[[], Answer], *, at_leisure: bool = True) -> None:
        """End an answered call by what `read` makes of objects that nobody changes any more.

        Where it tells its usage and nobody else waits for its span that is done `at_leisure`: many take half the time.
        """
        if not self._close():
            return
        ending = self._ending(NO_ANSWER, "stopped")
        waits = at_leisure and _goes_to_us_alone(self.span)
        if waits and settling.at_leisure(partial(self._settle_by, read, self.span, ending)):
            super().forget()
            return
        try:
            ending = ending._replace(answer=combined(read(), self._reports))
        finally:
            self._end(ending)

    def fail(self, error: BaseException, answer: Answer = NO_ANSWER) -> None:
        """End a failed call; being closed early or cancelled is no failure."""
        if isinstance(error, (GeneratorExit, asyncio.CancelledError)):
            self.cancel(answer)
        elif self._close():
            kind = error_type(error)
            self.span.set_status(Status(StatusCode.ERROR, kind))
            self.span.set_attribute(semconv.ERROR_TYPE, kind)
            self._end(self._ending(answer, "failed", kind))

    def cancel(self, answer: Answer = NO_ANSWER, *, outcome: str = "cancelled") -> None:
        """End a call nobody waits for any more; it counts only with usage. `outcome` may be `interrupted`."""
        if self._close():
            self.span.set_attribute(semconv.OUTCOME, outcome)
            self._end(self._ending(answer, "cancelled"))

    def again(self) -> Call:
        """Open another call at the place of this one, for what a provider answered after this one had ended."""
        place = self.behind if self.above is None else Place(self.above, self.above)
        call = Call(replace(self.opening), calls=self._calls, scope=self.scope, place=place, behind=self.behind)
        call._started = self._started
        return call

    def rename(self, opening: Opening) -> None:
        """Correct what was known at the start, when a framework shows only later what it started."""
        self.opening = opening
        self.span.update_name(opening.name)
        self.span.set_attributes(opening_attributes(opening))

    def _mark_wrappers(self) -> None:
        family = _FAMILIES.get(self.opening.operation)
        above = self.above if family else None
        while above is not None:
            if above.open and _FAMILIES.get(above.opening.operation) in (family, "rerank"):
                above.wrapper = True
                if above.reservation is not None:
                    self._inherit(above)
            above = above.above

    def _inherit(self, above: Call) -> None:
        """Take over what a call reserved before it turned out to be a wrapper; what this one reserves replaces it."""
        if self.reservation is None:
            self.reservation, self.inherits = above.reservation, True
            above.reservation = None
            if self.reservation is not None and self.reservation.downgraded_from:
                self.span.set_attribute(semconv.DOWNGRADED_FROM, self.reservation.downgraded_from)

    def _close(self) -> bool:
        with _closing:
            was_open, self.open = self.open, False
            when_closed, self.when_closed = self.when_closed, None
        if when_closed is not None:
            when_closed()
        return was_open

    def _ending(self, answer: Answer, how: How, error: str = "") -> Ending:
        return Ending(combined(answer, self._reports), how, perf_counter() - self._started, time_ns(), error)

    def _end(self, ending: Ending) -> None:
        span = self.span
        if self.opening.prompt is not None and self._can_be_estimated(ending):
            if settling.later(partial(self._settle, span, ending)):
                super().forget()
                return
            tally.add_unestimated()
        if self._can_wait(ending) and settling.at_leisure(partial(self._finish, span, ending)):
            super().forget()
            return
        self._finish(span, ending)

    def _can_wait(self, ending: Ending) -> bool:
        """Whether all that is left to do is writing down what was said, which nobody waits for."""
        quotes = self.opening.quote is not None or ending.answer.quote is not None
        return quotes and ending.how == "stopped" and not self._counted and _goes_to_us_alone(self.span)

    def _can_be_estimated(self, ending: Ending) -> bool:
        if ending.answer.usage is not None or not self._counted:
            return False
        answered = self._requests(ending)[0] or ending.answer.requests is not None
        return bool(answered if ending.how == "stopped" else self.heard)

    def _settle_by(self, read: Callable[[], Answer], span: Span, ending: Ending) -> None:
        try:
            ending = ending._replace(answer=combined(read(), self._reports))
        finally:
            self._settle(span, ending)

    def _settle(self, span: Span, ending: Ending) -> None:
        try:
            if self.opening.prompt is not None and self._can_be_estimated(ending):
                ending = estimated(ending, opening=self.opening, heard=self.heard)
        finally:
            self._finish(span, ending)

    def _finish(self, span: Span, ending: Ending) -> None:
        try:
            if not self.wrapper:
                measure(self.opening, ending)
            self._tell(span, ending)
        finally:
            if self.reservation is not None:
                self.reservation.release()
            span.end(ending.at_ns)
            self.forget()

    def forget(self) -> None:
        """Keep neither the prompt nor what was answered."""
        super().forget()
        self.opening.prompt = self.opening.asked = self.opening.quote = self.heard = None
        self._reports.clear()


def _goes_to_us_alone(span: Span) -> bool:
    return type(span) is LightSpan and span._light.listeners(span._span_processor).take is not None  # noqa: SLF001


# Reentrant: the collector of garbage ends dropped streams anywhere, also while another call is being closed.
_closing: Final = threading.RLock()
_FAMILIES: Final = dict.fromkeys(semconv.GENERATION_OPERATIONS, "generation") | {
    "embeddings": "embeddings",
    "rerank": "rerank",
}

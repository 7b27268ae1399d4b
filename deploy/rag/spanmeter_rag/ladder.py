"""What happens when a model does not answer: another model is asked, then the passages that fit are all there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

import spanmeter
from spanmeter.cache import Cache
from spanmeter_rag.answer import Answer, Mode, Way
from spanmeter_rag.breaker import refusal
from spanmeter_rag.effects import note
from spanmeter_rag.lexicon import Lexicon
from spanmeter_rag.patience import PROVIDER_ERRORS, is_outage

Ask = Callable[[str, Mode], Awaitable[Answer]]
NO_MODEL: Final = (
    "No language model can be asked at the moment. This is not an answer: below are the passages of the reference that "
    "share most words with the question."
)


@dataclass(frozen=True, slots=True)
class Route:
    """A way of answering, the model it uses and the way's name."""

    way: Way
    model: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question got: an answer and the model that gave it, or the passages alone and the reason why."""

    answer: Answer
    model: str
    reason: str = ""


class Ladder:
    """Asks one route after the other until one answers; `lexicon` None means that then the last error comes through.

    Calls of a further route carry the tag `step=fallback`.
    """

    def __init__(
        self, routes: Sequence[Route], lexicon: Lexicon | None, *, sources: int, answers: Cache | None = None
    ) -> None:
        self.routes = tuple(routes)
        self._lexicon = lexicon
        self._sources = sources
        self._answers = [_cached(route, answers) for route in routes]

    async def answer(self, question: str, mode: Mode) -> Outcome:
        """Answer in a mode; once the budget is spent no further route is asked.

        Raises:
            One of PROVIDER_ERRORS: No route answers, and no passages are to be given instead.
            spanmeter.BudgetExceeded: The same for want of money.
        """
        outage: Exception | None = None
        for route, ask in zip(self.routes, self._answers, strict=True):
            try:
                with _again() if outage else nullcontext():
                    return Outcome(await ask(question, mode), route.model)
            except spanmeter.BudgetExceeded as error:
                return self._without_model(question, error)
            except PROVIDER_ERRORS as error:
                if not is_outage(error):
                    raise
                outage = error
        return self._without_model(question, outage or LookupError("a ladder without a route"))

    def _without_model(self, question: str, cause: Exception) -> Outcome:
        if self._lexicon is None:
            raise cause
        note("degraded")
        return Outcome(self._passages(question, self._lexicon), "", _reason(cause))

    @spanmeter.track("passages alone")
    def _passages(self, question: str, lexicon: Lexicon) -> Answer:
        return Answer(NO_MODEL, lexicon.search(question, count=self._sources))


def _cached(route: Route, answers: Cache | None) -> Ask:
    """Return what asks a route, or finds what it answered to the same question in whatever mode."""

    async def ask(question: str, mode: Mode) -> Answer:
        if mode == "sync":
            return await asyncio.to_thread(route.way.ask, question)
        return await (route.way.ask_async(question) if mode == "async" else route.way.ask_streaming(question))

    if answers is None:
        return ask
    return answers(ignore=("mode",), version=f"{route.name}/{route.model}")(ask)


@contextmanager
def _again() -> Iterator[None]:
    note("fallback")
    with spanmeter.track("fallback"), spanmeter.context(step="fallback"):
        yield


def _reason(cause: Exception) -> str:
    return str(refusal(cause) or (f"{type(cause).__name__}: {cause}" if isinstance(cause, PROVIDER_ERRORS) else cause))
